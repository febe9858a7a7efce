/* wipe_test: when the last reference to a set is released, no value is left anywhere in the memory of this process,
 * neither in freed blocks nor in a copy on the stack. The test searches all of the memory, and does find the value
 * while the set exists. The test itself keeps the value only in encoded form. */
#include "binding/test_folder.h"

#include "binding/servicebinding.h"

#include <inttypes.h>

enum {
        LENGTH = 24,
        DISGUISE = 0x5a,
        REGIONS_MAX = 512,
        /* Sanitizers reserve terabytes for their own use; an ordinary program's memory is smaller. */
        REGION_BYTES_MAX = 64 * 1024 * 1024,
};

struct region {
        uintptr_t begin, end;
};

static unsigned char disguised[LENGTH];
static struct region regions[REGIONS_MAX];

/* A value of letters that is unique to this run. */
static void make_value(void)
{
        for (size_t i = 0; i < LENGTH; i++) {
                unsigned char random;
                assert_int_equal(getentropy(&random, 1), 0);
                disguised[i] = (unsigned char)(('a' + random % 26) ^ DISGUISE);
        }
}

static void put_value(const struct folder *f, const char *name, const char *end)
{
        unsigned char value[LENGTH + 2];
        for (size_t i = 0; i < LENGTH; i++)
                value[i] = disguised[i] ^ DISGUISE;
        memcpy(value + LENGTH, end, strlen(end));
        folder_put_bytes(f, name, value, LENGTH + strlen(end));
        explicit_bzero(value, sizeof(value));
}

static bool is_value(const char *text)
{
        for (size_t i = 0; i < LENGTH; i++)
                if (((unsigned char)text[i] ^ DISGUISE) != disguised[i])
                        return false;
        return text[LENGTH] == '\0';
}

/* All readable and writable memory: heap, stack, data. */
static size_t list_regions(void)
{
        size_t count = 0;
        char line[512];
        FILE *maps = fopen("/proc/self/maps", "re");
        assert_non_null(maps);
        while (fgets(line, sizeof(line), maps)) {
                struct region r;
                char mode[5];
                if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &r.begin, &r.end, mode) != 3 ||
                    strncmp(mode, "rw", 2) != 0 || r.end - r.begin > REGION_BYTES_MAX)
                        continue;
                assert_true(count < REGIONS_MAX);
                regions[count++] = r;
        }
        assert_int_equal(fclose(maps), 0);
        return count;
}

/* Counts the value in the region. It also reads freed blocks, which a sanitizer would not allow. */
__attribute__((no_sanitize("address", "thread"))) static size_t count_in(const struct region *r)
{
        size_t found = 0;
        for (const unsigned char *at = (const unsigned char *)r->begin; at + LENGTH <= (const unsigned char *)r->end;
             at++) {
                size_t same = 0;
                while (same < LENGTH && (at[same] ^ DISGUISE) == disguised[same])
                        same++;
                found += same == LENGTH;
        }
        return found;
}

static size_t count_in_memory(void)
{
        size_t found = 0;
        size_t count = list_regions();
        for (size_t i = 0; i < count; i++)
                found += count_in(&regions[i]);
        return found;
}

static void no_value_is_left_in_memory_when_a_set_is_released(void **state)
{
        struct folder f;
        struct servicebinding_set *set;
        (void)state;
        make_value();
        folder_init(&f);
        folder_put(&f, "redis/type", "redis");
        put_value(&f, "redis/password", "\r\n"); /* its text is stored separately from its bytes */
        put_value(&f, "redis/secondary-key", "");
        folder_put(&f, "broken/type", "redis");
        put_value(&f, "broken/password", "");
        folder_put(&f, "broken/username", "vault://x"); /* a problem: the entries read before it are dropped */
        assert_int_equal(servicebinding_load(f.root, &set, NULL), 0);
        assert_int_equal(servicebinding_count(set), 2);
        assert_true(is_value(servicebinding_text(servicebinding_at(set, 1), "password")));
        assert_true(is_value(servicebinding_text(servicebinding_at(set, 1), "secondary-key")));
        assert_int_equal(count_in_memory(), 3); /* the bytes twice, the text once, and nothing of the broken binding */
        servicebinding_set_unref(set);
        assert_int_equal(count_in_memory(), 0);
        folder_fini(&f);
}

/* True if the kernel's list of our memory (proc(5), smaps) has the flag "dd" for `address`. */
static bool is_left_out_of_dumps(const void *address)
{
        FILE *smaps = fopen("/proc/self/smaps", "re");
        char line[1024];
        bool is_here = false, is_left_out = false;
        assert_non_null(smaps);
        while (fgets(line, sizeof(line), smaps)) {
                uintptr_t from, to;
                if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2)
                        is_here = from <= (uintptr_t)address && (uintptr_t)address < to;
                else if (is_here && strncmp(line, "VmFlags:", 8) == 0)
                        is_left_out = strstr(line, " dd") != NULL;
        }
        (void)fclose(smaps); /* was only read */
        return is_left_out;
}

/* The maximum number of entries, with lengths around the sizes of a page and a mapping. */
static void every_byte_of_every_value_is_excluded_from_core_dumps(void **state)
{
        static const size_t lengths[] = { 0, 1, 2047, 2048, 4095, 4096, 8191, 8192, 100000 };
        static char value[100000];
        struct folder f;
        struct servicebinding_set *set;
        (void)state;
        folder_init(&f);
        folder_put(&f, "redis/type", "redis");
        for (size_t i = 0; i < 255; i++) {
                char name[32];
                (void)snprintf(name, sizeof(name), "redis/entry-%03zu", i);
                memset(value, 'a' + (int)(i % 26), sizeof(value));
                folder_put_bytes(&f, name, value, lengths[i % (sizeof(lengths) / sizeof(lengths[0]))]);
        }
        assert_int_equal(servicebinding_load(f.root, &set, NULL), 0);
        const struct servicebinding *b = servicebinding_at(set, 0);
        assert_int_equal(servicebinding_entry_count(b), 256);
        for (size_t i = 0; i < 255; i++) {
                size_t length;
                const unsigned char *bytes = servicebinding_bytes(b, servicebinding_entry_name(b, i), &length);
                for (size_t j = 0; j < length; j++)
                        assert_int_equal(bytes[j], 'a' + (int)(i % 26)); /* no two overlap */
                assert_int_equal(bytes[length], '\0');
                assert_true(is_left_out_of_dumps(bytes));
                assert_true(is_left_out_of_dumps(bytes + length));
                assert_true(is_left_out_of_dumps(servicebinding_text(b, servicebinding_entry_name(b, i))));
        }
        servicebinding_set_unref(set);
        folder_fini(&f);
}

static void no_value_of_an_old_set_is_left_in_memory_after_a_change(void **state)
{
        struct folder f;
        struct servicebinding_watch *w;
        (void)state;
        make_value();
        folder_init(&f);
        folder_put(&f, "redis/type", "redis");
        put_value(&f, "redis/password", "");
        assert_int_equal(servicebinding_watch_open(f.root, &w, NULL), 0);
        assert_int_equal(count_in_memory(), 1);
        folder_put(&f, "redis/password", "another");
        assert_int_equal(servicebinding_watch_poll(w, NULL), 1);
        assert_int_equal(count_in_memory(), 0);
        servicebinding_watch_close(w);
        folder_fini(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_value_is_left_in_memory_when_a_set_is_released),
                cmocka_unit_test(no_value_of_an_old_set_is_left_in_memory_after_a_change),
                cmocka_unit_test(every_byte_of_every_value_is_excluded_from_core_dumps),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
