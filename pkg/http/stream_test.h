/* stream_test: routes with streaming handlers, and a client for chunked bodies, for the tests of streams. The handlers
 * count and sum up the pieces that they receive, and write as many numbered lines as requested. The tests access `s`
 * through commands in the worker's thread. */
#ifndef HTTP_STREAM_TEST_H
#define HTTP_STREAM_TEST_H

#include "http/fixture.h"
#include "http/stream.h"
#include "http/worker.h"

enum { LINE_BYTES = 100, BODY_MS = 1000, PATIENT_MS = 4000 };

static struct streaming {
        struct http_request *request; /* NULL: ended */
        size_t pieces, bytes, sum, ends, gone, drains, writables;
        size_t lines, line; /* to write, written */
        size_t peak;        /* of the data that waits for the client */
        bool pauses;        /* after each piece */
        bool answers_late;
        bool refuses;  /* at the second piece */
        bool farewell; /* writes a last line when the server is draining */
        bool keeps;    /* on_gone does not end the request */
        bool idles;    /* writes nothing on its own */
        bool gives;    /* on_end gives the request a body */
        bool is_short;
} s;

static struct fixture f;
static struct answer answer;

static struct { /* what the client has received but not read; empty at the end of a response */
        unsigned char bytes[64 << 10];
        ssize_t at, length;
} input;

static inline void answer_sum(struct http_request *request)
{
        char text[96];
        s.request = NULL;
        (void)snprintf(text, sizeof(text), "%zu bytes, sum %zu", s.bytes, s.sum);
        http_request_set_count(request, s.pieces > 0);
        respond_text(request, text);
}

static void on_piece(struct http_request *request, const char *bytes, size_t length, void *data)
{
        assert_ptr_equal(data, &s);
        s.pieces++;
        s.bytes += length;
        for (size_t i = 0; i < length; i++)
                s.sum += (unsigned char)bytes[i];
        if (s.pauses)
                http_request_pause(request);
        if (s.refuses && s.pieces == 2) {
                s.request = NULL;
                http_problem(request, 413, NULL, 0, "Too much of it.");
        }
}

static void on_end(struct http_request *request, void *data)
{
        size_t length;
        (void)data;
        s.ends++;
        if (s.gives) {
                http_request_give_body(request, strdup("given"), 5);
                assert_string_equal(http_request_body(request, &length), "given");
                assert_int_equal(length, 5);
        }
        if (!s.answers_late)
                answer_sum(request);
}

static void on_gone(struct http_request *request, void *data)
{
        (void)data;
        s.gone++;
        if (s.keeps)
                return;
        s.request = NULL;
        if (request->stream->is_answer)
                http_stream_abort(request);
        else
                http_problem(request, 503, NULL, 0, "Nobody reads this.");
}

static void on_drain(struct http_request *request, void *data)
{
        (void)data;
        s.drains++;
        s.request = NULL;
        if (!request->stream->is_answer) {
                http_problem(request, 503, NULL, 0, "The upload was stopped.");
                return;
        }
        (void)http_stream_write(request, "bye", 3);
        http_stream_end(request, NULL, 0);
}

static const struct http_stream_ops body_ops = {
        .on_piece = on_piece, .on_end = on_end, .on_gone = on_gone, .on_drain = on_drain
};

static const struct http_stream_ops short_ops = {
        .is_short = true, .on_piece = on_piece, .on_end = on_end, .on_gone = on_gone
};

static void stream_body(struct http_request *request, void *context)
{
        (void)context;
        if (http_request_query(request, "whole"))
                return;
        if (http_request_query(request, "no")) {
                http_problem(request, 422, NULL, 0, "No.");
                return;
        }
        if (http_request_stream(request, s.is_short ? &short_ops : &body_ops, &s) == 0)
                s.request = request;
}

/* A body that begins with a bracket is received in pieces; one that begins with an exclamation mark is rejected. */
static bool choose(struct http_request *request, const char *bytes, size_t length, void *context)
{
        size_t blank = 0;
        while (blank < length && bytes[blank] == ' ')
                blank++;
        if (blank == length)
                return false;
        if (bytes[blank] == '!')
                http_problem(request, 422, NULL, 0, "No.");
        else if (bytes[blank] == '[')
                stream_body(request, context);
        return true;
}

/* Writes until it is done or full. */
static void write_lines(struct http_request *request, void *data)
{
        static char line[LINE_BYTES + 1];
        const struct http_header trailers[] = { { "x-count", line }, { "x-more", "no" } };
        (void)data;
        s.writables++;
        if (s.idles)
                return;
        while (s.line < s.lines) {
                (void)snprintf(line, sizeof(line), "%0*zu\n", LINE_BYTES - 1, s.line++);
                bool has_room = http_stream_write(request, line, LINE_BYTES);
                s.peak = request->stream->output.length > s.peak ? request->stream->output.length : s.peak;
                if (!has_room)
                        return;
        }
        s.request = NULL;
        http_request_set_count(request, s.lines);
        (void)snprintf(line, sizeof(line), "%zu", s.lines);
        http_stream_end(request, trailers, COUNT_OF(trailers));
}

static const struct http_stream_ops answer_ops = { .on_writable = write_lines, .on_gone = on_gone };
static const struct http_stream_ops farewell_ops = { .on_writable = write_lines,
                                                     .on_gone = on_gone,
                                                     .on_drain = on_drain };

static inline int begin_lines(struct http_request *request)
{
        const struct http_header announced = { "Trailer", "x-count, x-more" };
        const struct http_answer head = {
                .status = 200, .content_type = "text/plain", .headers = &announced, .header_count = 1
        };
        int rc = http_respond_stream(request, &head, s.farewell ? &farewell_ops : &answer_ops, &s);
        s.request = rc == 0 ? request : NULL;
        return rc;
}

static void stream_answer(struct http_request *request, void *context)
{
        (void)context;
        if (s.answers_late)
                s.request = request;
        else
                (void)begin_lines(request);
}

static const struct http_route stream_routes[] = {
        { .method = "POST", .path = "/in", .name = "in", .handle = answer_size, .body = true, .at_head = stream_body },
        { .method = "POST", .path = "/maybe", .name = "maybe", .handle = answer_size, .body = true, .at_body = choose },
        { .method = "GET", .path = "/out", .name = "out", .handle = stream_answer, .is_endless = true },
        { .method = "GET", .path = "/now", .name = "now", .handle = answer_now },
};

static struct {
        int count;
        struct http_record last;
} records;

static void on_answered(const struct http_record *record, void *context)
{
        (void)context;
        records.count++;
        records.last = *record;
}

static inline void start_server(struct streaming first, int64_t body_timeout_ms)
{
        s = first;
        memset(&records, 0, sizeof(records));
        input.at = input.length = 0;
        fixture_start(&f,
                      (struct http_options){ .routes = stream_routes,
                                             .route_count = COUNT_OF(stream_routes),
                                             .body_max_bytes = 1000,
                                             .transfer_max_bytes = 1 << 20,
                                             .body_timeout_ms = body_timeout_ms,
                                             .on_answered = on_answered },
                      1);
}

static inline void stream_start(struct streaming first)
{
        start_server(first, PATIENT_MS);
}

/* Starts the server with the deadline BODY_MS. */
static inline void stream_start_hasty(struct streaming first)
{
        start_server(first, BODY_MS);
}

/* --- Commands, for fixture_call and fixture_await ----------------------------------------------------- */

static inline void count_bytes(struct fixture_worker *w)
{
        w->result = s.bytes;
}

static inline void count_pieces(struct fixture_worker *w)
{
        w->result = s.pieces;
}

static inline void count_ends(struct fixture_worker *w)
{
        w->result = s.ends;
}

static inline void count_gone(struct fixture_worker *w)
{
        w->result = s.gone;
}

static inline void count_lines(struct fixture_worker *w)
{
        w->result = s.line;
}

static inline void count_records(struct fixture_worker *w)
{
        w->result = (size_t)records.count;
}

static inline void is_suspended(struct fixture_worker *w)
{
        w->result = s.request && s.request->stream && s.request->stream->is_suspended;
}

static inline void is_there(struct fixture_worker *w)
{
        w->result = s.request != NULL;
}

static inline void count_used(struct fixture_worker *w)
{
        w->result = atomic_load(&w->fixture->server->budget.used);
}

static inline size_t sum_of(const struct engine *engine)
{
        return engine->held + engine->busy + engine->looked_at;
}

static inline void count_engine(struct fixture_worker *w)
{
        w->result = sum_of(&w->worker->engine) + sum_of(&w->worker->stream_engine);
}

static inline void resume(struct fixture_worker *w)
{
        (void)w;
        s.pauses = false;
        if (s.request)
                http_request_resume(s.request);
}

/* Resumes the body; the next piece pauses it again. */
static inline void resume_once(struct fixture_worker *w)
{
        (void)w;
        if (s.request)
                http_request_resume(s.request);
}

static inline void answer_late(struct fixture_worker *w)
{
        (void)w;
        if (s.request)
                answer_sum(s.request);
}

static inline void answer_if_there(struct fixture_worker *w)
{
        (void)w;
        if (s.request)
                answer_sum(s.request);
}

static inline void begin_late(struct fixture_worker *w)
{
        w->result = (size_t)(s.request && begin_lines(s.request) == 0);
}

static inline void write_late(struct fixture_worker *w)
{
        (void)w;
        s.idles = false;
        if (s.request)
                write_lines(s.request, &s);
}

static inline void abort_late(struct fixture_worker *w)
{
        (void)w;
        if (s.request)
                http_stream_abort(s.request);
        s.request = NULL;
}

static struct streaming wanted;

static inline void set_wanted(struct fixture_worker *w)
{
        (void)w;
        s = wanted;
}

/* Sets what the handlers do from now on. */
static inline void stream_next(struct streaming next)
{
        wanted = next;
        (void)fixture_call(&f, 0, set_wanted);
}

/* After this the test may read `s` and `records`. */
static inline void stream_look(void)
{
        (void)fixture_call(&f, 0, count_bytes);
}

/* --- Client -------------------------------------------------------------------------------------------- */

static inline void reset_connection(int fd)
{
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 }, sizeof(struct linger)),
                         0);
        assert_int_equal(close(fd), 0);
}

/* Sends until the server accepts no more for a while; returns the number of bytes that it accepted. */
static inline size_t fill(int fd, size_t most)
{
        static char bytes[64 << 10];
        size_t sent = 0;
        struct pollfd wait = { .fd = fd, .events = POLLOUT };
        while (sent < most && poll(&wait, 1, 300) == 1) {
                ssize_t n = send(fd, bytes, most - sent < sizeof(bytes) ? most - sent : sizeof(bytes),
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
                assert_true(n > 0 || errno == EAGAIN);
                sent += n > 0 ? (size_t)n : 0;
        }
        return sent;
}

/* Like client_byte, with a buffer. */
static inline int next_byte(int fd)
{
        if (input.at < input.length)
                return input.bytes[input.at++];
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
        input.length = recv(fd, input.bytes, sizeof(input.bytes), 0);
        input.at = 1;
        return input.length > 0 ? input.bytes[0] : -1;
}

static inline void send_zeros(int fd, size_t length)
{
        static const char zeros[64 << 10];
        for (size_t left = length, part; left > 0; left -= part) {
                part = left < sizeof(zeros) ? left : sizeof(zeros);
                client_send_bytes(fd, zeros, part);
        }
}

static inline void read_line(int fd, char *line, size_t size)
{
        size_t n = 0;
        for (int byte = next_byte(fd); byte >= 0 && byte != '\n'; byte = next_byte(fd)) {
                assert_true(n + 1 < size);
                if (byte != '\r')
                        line[n++] = (char)byte;
        }
        line[n] = '\0';
}

/* Reads a chunked body after its head and checks that its lines are numbered. Returns the number of bytes; `trailers`
 * receives what follows the last chunk. SIZE_MAX: the body was aborted. */
static inline size_t read_chunks(int fd, char trailers[256])
{
        size_t total = 0;
        char line[128], number[16];
        trailers[0] = '\0';
        for (;;) {
                read_line(fd, line, sizeof(line));
                if (!line[0])
                        return SIZE_MAX;
                size_t length = strtoul(line, NULL, 16);
                if (length == 0)
                        break;
                for (size_t i = 0; i < length + 2; i++, total += i <= length) {
                        int byte = next_byte(fd);
                        if (byte < 0)
                                return SIZE_MAX;
                        size_t place = total % LINE_BYTES;
                        if (i >= length || place < LINE_BYTES - 9)
                                continue;
                        number[place - (LINE_BYTES - 9)] = (char)byte;
                        if (place == LINE_BYTES - 1)
                                assert_int_equal(strtoul(number, NULL, 10), total / LINE_BYTES);
                }
        }
        for (read_line(fd, line, sizeof(line)); line[0]; read_line(fd, line, sizeof(line))) {
                strncat(trailers, line, 255 - strlen(trailers));
                strncat(trailers, ";", 255 - strlen(trailers));
        }
        return total;
}

#endif
