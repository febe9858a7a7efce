/* Tests of the decoder against zlib's own encoder: members, cuts at every byte, damage, stops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/attr.h"
#include "base/buf.h"
#include "gzip/gzip.h"

#define HELLO "{\"hello\":\"world, hello world, hello world\"}\n"
#define BYE "{\"bye\":1}\n"

enum {
        GZIP = 15 + 16,
        ZLIB = 15,
        BEFORE_DATA = 10,  /* a header without optional fields */
        TRAILER_BYTES = 8, /* CRC and length */
};

/* --- Encoding ------------------------------------------------------------------------------------------------------ */

static void add_encoded(struct buf *out, int window_bits, gz_header *header, const char *content, size_t length)
{
        z_stream z = { 0 };
        assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 9, Z_DEFAULT_STRATEGY), Z_OK);
        if (header)
                assert_int_equal(deflateSetHeader(&z, header), Z_OK);
        z.next_in = (unsigned char *)content;
        z.avail_in = (unsigned)length;
        int status;
        do {
                unsigned char some[4096];
                z.next_out = some;
                z.avail_out = sizeof(some);
                status = deflate(&z, Z_FINISH);
                assert_int_equal(buf_append(out, some, sizeof(some) - z.avail_out), 0);
        } while (status == Z_OK);
        assert_int_equal(status, Z_STREAM_END);
        assert_int_equal(deflateEnd(&z), Z_OK);
}

static void add_member(struct buf *out, const char *content)
{
        add_encoded(out, GZIP, NULL, content, strlen(content));
}

static struct buf one_member(const char *content)
{
        struct buf encoded;
        buf_init(&encoded, 0);
        add_member(&encoded, content);
        return encoded;
}

/* Encodes a member with all optional fields. */
static struct buf long_header(void)
{
        struct buf encoded;
        unsigned char extra[] = "ab\4\0cdef", name[] = "documents.json", comment[] = "of today";
        gz_header header = { .extra = extra, .extra_len = 8, .name = name, .comment = comment, .hcrc = 1 };
        buf_init(&encoded, 0);
        add_encoded(&encoded, GZIP, &header, HELLO, strlen(HELLO));
        return encoded;
}

/* --- Decoding ------------------------------------------------------------------------------------------------------ */

struct taken {
        struct gzip_decoder *decoder;
        struct buf content;
        size_t pieces;
        bool is_full; /* after each piece */
        bool has_dropped;
        struct err err;
};

static bool on_piece(const char *bytes, size_t length, void *data)
{
        struct taken *taken = data;
        assert_true(length > 0 && length <= GZIP_PIECE_MAX);
        if (!taken->has_dropped)
                assert_int_equal(buf_append(&taken->content, bytes, length), 0);
        taken->pieces++;
        return !taken->is_full;
}

static void begin(struct taken *taken)
{
        *taken = (struct taken){ 0 };
        buf_init(&taken->content, 0);
        assert_int_equal(gzip_decoder_new(&(struct gzip_options){ .on_piece = on_piece, .data = taken },
                                          &taken->decoder, &taken->err),
                         0);
}

static void end(struct taken *taken)
{
        gzip_decoder_free(taken->decoder);
        buf_fini(&taken->content);
}

static int decode(struct taken *taken, const char *bytes, size_t length)
{
        size_t used;
        int rc;
        do {
                rc = gzip_decode(taken->decoder, bytes, length, &used, &taken->err);
                assert_true(used <= length);
                assert_true(rc != 0 || used == length);
                bytes += used;
                length -= used;
        } while (rc == GZIP_FULL);
        return rc;
}

/* Decodes in pieces of `step` bytes, to the end. */
static int decode_all(struct taken *taken, const char *bytes, size_t length, size_t step)
{
        int rc = 0;
        for (size_t at = 0; at < length && rc == 0; at += step)
                rc = decode(taken, bytes + at, length - at < step ? length - at : step);
        return rc < 0 ? rc : gzip_decoder_finish(taken->decoder, &taken->err);
}

static void assert_content(const struct taken *taken, const char *content)
{
        assert_int_equal(taken->content.len, strlen(content));
        assert_memory_equal(taken->content.data ? taken->content.data : "", content, strlen(content));
}

static void assert_decodes(const struct buf *encoded, const char *content)
{
        for (size_t first = 0; first <= encoded->len; first++) {
                struct taken taken;
                begin(&taken);
                assert_int_equal(decode(&taken, encoded->data, first), 0);
                assert_int_equal(decode(&taken, encoded->data + first, encoded->len - first), 0);
                assert_int_equal(gzip_decoder_finish(taken.decoder, &taken.err), 0);
                assert_content(&taken, content);
                end(&taken);
        }
        struct taken taken;
        begin(&taken);
        taken.is_full = true;
        assert_int_equal(decode_all(&taken, encoded->data, encoded->len, 1), 0);
        assert_content(&taken, content);
        end(&taken);
}

/* Checks that the error is the same no matter how the input is split. */
static void assert_fails(const struct buf *encoded, const char *reason)
{
        for (size_t step = 1; step <= encoded->len + 1; step += encoded->len) {
                struct taken taken;
                begin(&taken);
                assert_int_equal(decode_all(&taken, encoded->data, encoded->len, step), ERR_INVALID);
                if (!strstr(taken.err.text, reason))
                        fail_msg("\"%s\" lacks \"%s\"", taken.err.text, reason);
                end(&taken);
        }
}

static void a_member_is_decoded_wherever_the_input_is_split(void **state UNUSED)
{
        struct buf encoded = one_member(HELLO);
        assert_decodes(&encoded, HELLO);
        buf_fini(&encoded);
}

static void members_are_decoded_one_after_the_other(void **state UNUSED)
{
        struct buf encoded = one_member(HELLO);
        add_member(&encoded, "");
        add_member(&encoded, BYE);
        assert_decodes(&encoded, HELLO BYE);
        buf_fini(&encoded);
}

static void an_empty_member_has_no_content(void **state UNUSED)
{
        struct buf encoded = one_member("");
        assert_decodes(&encoded, "");
        buf_fini(&encoded);
}

static void optional_fields_of_a_header_are_skipped(void **state UNUSED)
{
        struct buf encoded = long_header();
        assert_decodes(&encoded, HELLO);
        buf_fini(&encoded);
}

static void a_truncated_input_is_reported(void **state UNUSED)
{
        struct buf encoded = long_header();
        size_t first = encoded.len;
        add_member(&encoded, BYE);
        for (size_t length = 0; length < encoded.len; length++) {
                struct taken taken;
                begin(&taken);
                int rc = decode_all(&taken, encoded.data, length, 7);
                assert_int_equal(rc, length == first ? 0 : ERR_INVALID);
                if (length == 0)
                        assert_string_equal(taken.err.text, "gzip: the input is empty, without even a header");
                else if (length != first)
                        assert_non_null(strstr(taken.err.text, ": the input ends in the middle"));
                end(&taken);
        }
        buf_fini(&encoded);
}

static void the_error_for_a_truncated_input_names_member_and_byte(void **state UNUSED)
{
        struct buf encoded = one_member(HELLO);
        struct taken taken;
        char expected[80];
        add_member(&encoded, BYE);
        begin(&taken);
        assert_int_equal(decode_all(&taken, encoded.data, encoded.len - 1, 100), ERR_INVALID);
        (void)snprintf(expected, sizeof(expected), "gzip member 2, byte %zu: the input ends in the middle",
                       encoded.len - 1);
        assert_string_equal(taken.err.text, expected);
        end(&taken);
        buf_fini(&encoded);
}

static void damage_is_named(void **state UNUSED)
{
        static const struct {
                const char *reason;
                size_t at;
                bool from_end, is_long;
        } cases[] = {
                { "gzip member 1, near byte 2: this is not gzip", 0, false, false },
                { "gzip member 1, near byte 2: this is not gzip", 1, false, false },
                { "the compression method in the header is not deflate", 2, false, false },
                { "the header has flags that gzip reserves", 3, false, false },
                { "the CRC of the header is wrong", BEFORE_DATA + 4, false, true },
                { "the CRC of the content is wrong", TRAILER_BYTES, true, false },
                { "the CRC of the content is wrong", TRAILER_BYTES - 3, true, false },
                { "the length of the content is wrong", TRAILER_BYTES - 4, true, false },
                { "the length of the content is wrong", 1, true, false },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct buf encoded = cases[i].is_long ? long_header() : one_member(HELLO);
                size_t at = cases[i].from_end ? encoded.len - cases[i].at : cases[i].at;
                encoded.data[at] = (char)(encoded.data[at] ^ 0xe0);
                assert_fails(&encoded, cases[i].reason);
                buf_fini(&encoded);
        }
}

static void damaged_compressed_content_is_reported(void **state UNUSED)
{
        struct buf encoded = one_member(HELLO);
        encoded.data[BEFORE_DATA] = 0x07; /* the last block, of a type that does not exist */
        assert_fails(&encoded, "gzip member 1, near byte 11: the compressed content is damaged");
        buf_fini(&encoded);
}

static void only_a_member_may_follow_a_member(void **state UNUSED)
{
        static const struct {
                const char *bytes;
                size_t length;
        } garbage[] = { { "garbage", 7 }, { "\037garbage", 8 }, { "{}", 2 }, { "\n\n", 2 }, { "\0\0\0", 3 } };
        for (size_t i = 0; i < COUNT_OF(garbage); i++) {
                struct buf encoded = one_member(HELLO);
                assert_int_equal(buf_append(&encoded, garbage[i].bytes, garbage[i].length), 0);
                assert_fails(&encoded, "the data after the previous member is not gzip");
                buf_fini(&encoded);
        }
}

static void other_codings_are_not_gzip(void **state UNUSED)
{
        struct buf encoded;
        buf_init(&encoded, 0);
        add_encoded(&encoded, ZLIB, NULL, HELLO, strlen(HELLO));
        assert_fails(&encoded, "this is not gzip");
        buf_fini(&encoded);
        buf_init(&encoded, 0);
        assert_int_equal(buf_puts(&encoded, HELLO), 0);
        assert_fails(&encoded, "this is not gzip");
        buf_fini(&encoded);
}

/* Only flipped bits in header fields such as time and operating system are harmless. */
static void a_flipped_bit_is_noticed_or_harmless(void **state UNUSED)
{
        struct buf encoded = one_member(HELLO);
        for (size_t bit = 0; bit < 8 * encoded.len; bit++) {
                struct taken taken;
                char flip = (char)(1u << (bit % 8));
                encoded.data[bit / 8] = (char)(encoded.data[bit / 8] ^ flip);
                begin(&taken);
                if (decode_all(&taken, encoded.data, encoded.len, encoded.len) == 0)
                        assert_content(&taken, HELLO);
                else
                        assert_true(taken.err.code == ERR_INVALID && taken.err.text[0]);
                end(&taken);
                encoded.data[bit / 8] = (char)(encoded.data[bit / 8] ^ flip);
        }
        buf_fini(&encoded);
}

static void the_content_before_the_damage_is_handed_out(void **state UNUSED)
{
        struct buf encoded = one_member(HELLO);
        struct taken taken;
        add_member(&encoded, BYE);
        encoded.data[encoded.len - 1] ^= 1;
        begin(&taken);
        assert_int_equal(decode_all(&taken, encoded.data, encoded.len, encoded.len), ERR_INVALID);
        assert_content(&taken, HELLO BYE);
        end(&taken);
        buf_fini(&encoded);
}

static void an_error_stays(void **state UNUSED)
{
        struct buf encoded = one_member(HELLO);
        struct taken taken;
        struct err again;
        size_t used;
        begin(&taken);
        assert_int_equal(decode(&taken, "{}", 2), ERR_INVALID);
        assert_int_equal(gzip_decode(taken.decoder, encoded.data, encoded.len, &used, &again), ERR_INVALID);
        assert_int_equal(used, 0);
        assert_string_equal(again.text, taken.err.text);
        assert_int_equal(gzip_decoder_finish(taken.decoder, &again), ERR_INVALID);
        assert_string_equal(again.text, taken.err.text);
        assert_int_equal(gzip_decoder_finish(taken.decoder, NULL), ERR_INVALID);
        assert_int_equal(taken.pieces, 0);
        end(&taken);
        buf_fini(&encoded);
}

/* 64 MiB of zeros in 64 KiB. */
static void a_decompression_bomb_is_handed_out_in_pieces_on_demand(void **state UNUSED)
{
        static const char zeros[1 << 20];
        struct buf encoded;
        struct taken taken;
        size_t used;
        int rc;
        buf_init(&encoded, 0);
        for (int i = 0; i < 64; i++)
                add_encoded(&encoded, GZIP, NULL, zeros, sizeof(zeros));
        begin(&taken);
        taken.is_full = taken.has_dropped = true;
        const char *at = encoded.data;
        do {
                size_t pieces = taken.pieces;
                rc = gzip_decode(taken.decoder, at, (size_t)(encoded.data + encoded.len - at), &used, &taken.err);
                assert_true(taken.pieces == pieces + 1 || rc == 0);
                at += used;
        } while (rc == GZIP_FULL);
        assert_int_equal(rc, 0);
        assert_int_equal(taken.pieces, 64 * sizeof(zeros) / GZIP_PIECE_MAX);
        assert_int_equal(gzip_decoder_finish(taken.decoder, &taken.err), 0);
        end(&taken);
        buf_fini(&encoded);
}

static void content_is_complete_or_the_error_is_nomem_whichever_allocation_fails(void **state UNUSED)
{
        static const unsigned char encoded[] = { 0x1f, 0x8b, 8, 0,    0,    0,    0,    0, 0, 3, 0xab,
                                                 0xae, 5,    0, 0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0, 0 };
        struct gzip_decoder *decoder = NULL;
        struct taken taken = { .has_dropped = true };
        struct err err;
        size_t used;
        int rc = gzip_decoder_new(&(struct gzip_options){ .on_piece = on_piece, .data = &taken }, &decoder, &err);
        if (rc == 0)
                rc = gzip_decode(decoder, (const char *)encoded, sizeof(encoded), &used, &err);
        if (rc == 0)
                rc = gzip_decoder_finish(decoder, &err);
        assert_true(rc == 0 ? taken.pieces == 1 : rc == ERR_NOMEM);
        gzip_decoder_free(decoder);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_member_is_decoded_wherever_the_input_is_split),
                cmocka_unit_test(members_are_decoded_one_after_the_other),
                cmocka_unit_test(an_empty_member_has_no_content),
                cmocka_unit_test(optional_fields_of_a_header_are_skipped),
                cmocka_unit_test(a_truncated_input_is_reported),
                cmocka_unit_test(the_error_for_a_truncated_input_names_member_and_byte),
                cmocka_unit_test(damage_is_named),
                cmocka_unit_test(damaged_compressed_content_is_reported),
                cmocka_unit_test(only_a_member_may_follow_a_member),
                cmocka_unit_test(other_codings_are_not_gzip),
                cmocka_unit_test(a_flipped_bit_is_noticed_or_harmless),
                cmocka_unit_test(the_content_before_the_damage_is_handed_out),
                cmocka_unit_test(an_error_stays),
                cmocka_unit_test(a_decompression_bomb_is_handed_out_in_pieces_on_demand),
                cmocka_unit_test(content_is_complete_or_the_error_is_nomem_whichever_allocation_fails),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
