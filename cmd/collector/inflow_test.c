/* Tests of bodies that are decoded while they arrive: back-pressure, turns, the end, and freeing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/buf.h"
#include "inflow.h"

/* A coding for tests: each byte decodes to PIECES pieces of SIZE copies of itself; 'x' is invalid, and '.' ends the
 * body. */
enum { PIECES = 4, SIZE = 8 << 10 };

struct toy {
        coding_piece_fn *on_piece;
        void *data;
        unsigned pieces; /* of the current byte, already decoded */
        bool is_ended;
};

static unsigned open_decoders;

static int toy_open(coding_piece_fn *on_piece, void *data, void **decoder, struct err *err)
{
        struct toy *toy = calloc(1, sizeof(*toy));
        if (!toy)
                return err_set(err, ERR_NOMEM, "out of memory");
        *toy = (struct toy){ .on_piece = on_piece, .data = data };
        open_decoders++;
        *decoder = toy;
        return 0;
}

static int toy_decode(void *decoder, const char *bytes, size_t length, size_t *used, struct err *err)
{
        static char piece[SIZE];
        struct toy *toy = decoder;
        for (*used = 0; *used < length; ++*used) {
                if (bytes[*used] == 'x')
                        return err_set(err, ERR_INVALID, "damaged");
                toy->is_ended = bytes[*used] == '.';
                memset(piece, bytes[*used], sizeof(piece));
                while (!toy->is_ended && toy->pieces < PIECES) {
                        toy->pieces++;
                        if (!toy->on_piece(piece, sizeof(piece), toy->data))
                                return CODING_FULL;
                }
                toy->pieces = 0;
        }
        return 0;
}

static int toy_finish(void *decoder, struct err *err)
{
        return ((struct toy *)decoder)->is_ended ? 0 : err_set(err, ERR_INVALID, "ends in the middle");
}

static void toy_close(void *decoder)
{
        open_decoders--;
        free(decoder);
}

static const struct coding toy = { "toy", toy_open, toy_decode, toy_finish, toy_close };

/* --- The receiver ------------------------------------------------------------------------------------------------ */

struct taker {
        struct inflow *inflow;
        size_t bytes, full_at, free_at; /* 0: never */
        unsigned ready, ended, failed;
        struct taker *next; /* gets the pieces after the next call */
        char last;
        struct err err;
};

static uv_loop_t loop;
static struct inflows inflows;
static struct taker taker;

static void pass_on(struct taker *from);

static bool on_piece(const char *bytes, size_t length, void *data)
{
        struct taker *own = data;
        if (own->next)
                pass_on(own);
        own->bytes += length;
        own->last = bytes[0];
        if (own->free_at > 0 && own->bytes >= own->free_at) {
                inflow_free(own->inflow);
                own->inflow = NULL;
        }
        return own->full_at == 0 || own->bytes < own->full_at;
}

static void on_ready(void *data)
{
        ((struct taker *)data)->ready++;
}

static void on_end(void *data)
{
        ((struct taker *)data)->ended++;
}

static void on_failed(const struct err *err, void *data)
{
        struct taker *own = data;
        own->failed++;
        own->err = *err;
        inflow_free(own->inflow);
        own->inflow = NULL;
}

static struct inflow_options options_of(struct taker *own)
{
        return (struct inflow_options){
                .data = own, .on_piece = on_piece, .on_ready = on_ready, .on_end = on_end, .on_failed = on_failed
        };
}

static void pass_on(struct taker *from)
{
        const struct inflow_options options = options_of(from->next);
        inflow_pass_on(from->inflow, &options);
        from->next->inflow = from->inflow;
        from->inflow = NULL;
}

static int setup(void **state UNUSED)
{
        const struct inflow_options options = options_of(&taker);
        struct err err;
        assert_int_equal(uv_loop_init(&loop), 0);
        inflows_init(&inflows, &loop);
        taker = (struct taker){ 0 };
        assert_int_equal(inflow_new(&inflows, &toy, &options, &taker.inflow, &err), 0);
        return 0;
}

static int teardown(void **state UNUSED)
{
        inflow_free(taker.inflow);
        inflows_close(&inflows);
        assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(uv_loop_close(&loop), 0);
        assert_int_equal(open_decoders, 0);
        return 0;
}

static void take(const char *bytes)
{
        inflow_take(taker.inflow, bytes, strlen(bytes));
}

static void input_that_is_decoded_at_once_makes_it_ready_at_once(void **state UNUSED)
{
        take("a");
        assert_int_equal(taker.bytes, PIECES * SIZE);
        assert_int_equal(taker.ready, 1);
        take(".");
        assert_int_equal(taker.ready, 2);
        inflow_end(taker.inflow);
        assert_true(taker.ended == 1 && taker.failed == 0);
}

static void a_turn_decodes_no_more_than_its_limit(void **state UNUSED)
{
        size_t before = 0;
        take("aaaabbbb.");
        inflow_end(taker.inflow);
        for (unsigned turns = 0; taker.ended == 0; turns++) {
                assert_true(taker.bytes - before <= INFLOW_TURN_BYTES);
                assert_true(turns < 100 && taker.ready == 0);
                before = taker.bytes;
                (void)uv_run(&loop, UV_RUN_NOWAIT);
        }
        assert_int_equal(taker.bytes, 8 * PIECES * SIZE);
        (void)uv_run(&loop, UV_RUN_DEFAULT); /* returns, since nothing is left to do */
}

static void a_full_receiver_gets_no_more(void **state UNUSED)
{
        taker.full_at = 1;
        take("ab.");
        assert_int_equal(taker.bytes, SIZE);
        (void)uv_run(&loop, UV_RUN_DEFAULT);
        assert_int_equal(taker.bytes, SIZE);
        for (unsigned n = 2; n <= 2 * PIECES; n++) {
                assert_int_equal(taker.ready, 0);
                inflow_go_on(taker.inflow);
                assert_int_equal(taker.bytes, n * SIZE);
        }
        inflow_go_on(taker.inflow);
        assert_int_equal(taker.ready, 1);
        assert_int_equal(taker.last, 'b');
}

static void an_end_that_arrives_while_the_receiver_is_full_waits(void **state UNUSED)
{
        taker.full_at = 1;
        take("a.");
        inflow_end(taker.inflow);
        assert_int_equal(taker.bytes, SIZE);
        taker.full_at = 0;
        inflow_go_on(taker.inflow);
        assert_true(taker.ended == 1 && taker.ready == 0);
}

static void damage_is_reported_once_after_the_valid_content(void **state UNUSED)
{
        take("axb");
        assert_int_equal(taker.bytes, PIECES * SIZE);
        assert_true(taker.failed == 1 && taker.ended == 0 && taker.ready == 0);
        assert_string_equal(taker.err.text, "damaged");
}

static void an_early_end_is_a_failure(void **state UNUSED)
{
        take("a");
        inflow_end(taker.inflow);
        assert_true(taker.failed == 1 && taker.ended == 0);
        assert_string_equal(taker.err.text, "ends in the middle");
}

static void the_receiver_may_free_it_in_a_callback(void **state UNUSED)
{
        taker.free_at = 2 * SIZE;
        take("aaaa");
        assert_int_equal(taker.bytes, 2 * SIZE);
        assert_int_equal(open_decoders, 0);
        (void)uv_run(&loop, UV_RUN_DEFAULT);
        assert_true(taker.ended == 0 && taker.failed == 0 && taker.ready == 0);
}

static void an_inflow_that_waits_for_its_turn_can_be_freed(void **state UNUSED)
{
        take("aaaabbbb");
        assert_true(taker.bytes < 8 * PIECES * SIZE);
        inflow_free(taker.inflow);
        taker.inflow = NULL;
        (void)uv_run(&loop, UV_RUN_DEFAULT);
        assert_int_equal(open_decoders, 0);
}

static void another_receiver_gets_the_following_pieces(void **state UNUSED)
{
        struct taker other = { 0 };
        taker.next = &other;
        inflow_take(taker.inflow, "aaaa.", 5);
        inflow_end(other.inflow);
        (void)uv_run(&loop, UV_RUN_DEFAULT);
        assert_true(taker.bytes == SIZE && taker.ready == 0 && taker.ended == 0);
        assert_true(other.bytes == (4 * PIECES - 1) * SIZE && other.ended == 1);
        inflow_free(other.inflow);
}

static void codings_have_names(void **state UNUSED)
{
        assert_string_equal(coding_find("gzip")->name, "gzip");
        assert_non_null(coding_find("GZip"));
        assert_non_null(coding_find("x-gzip"));
        assert_null(coding_find("gzip, gzip"));
        assert_null(coding_find("br"));
        assert_null(coding_find(""));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(input_that_is_decoded_at_once_makes_it_ready_at_once, setup, teardown),
                cmocka_unit_test_setup_teardown(a_turn_decodes_no_more_than_its_limit, setup, teardown),
                cmocka_unit_test_setup_teardown(a_full_receiver_gets_no_more, setup, teardown),
                cmocka_unit_test_setup_teardown(an_end_that_arrives_while_the_receiver_is_full_waits, setup, teardown),
                cmocka_unit_test_setup_teardown(damage_is_reported_once_after_the_valid_content, setup, teardown),
                cmocka_unit_test_setup_teardown(an_early_end_is_a_failure, setup, teardown),
                cmocka_unit_test_setup_teardown(the_receiver_may_free_it_in_a_callback, setup, teardown),
                cmocka_unit_test_setup_teardown(an_inflow_that_waits_for_its_turn_can_be_freed, setup, teardown),
                cmocka_unit_test_setup_teardown(another_receiver_gets_the_following_pieces, setup, teardown),
                cmocka_unit_test(codings_have_names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
