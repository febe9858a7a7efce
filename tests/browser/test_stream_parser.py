"""The page's parser of server-sent events, in the browser: what hostile servers and proxies send."""

import pytest

# Feeds the pieces (arrays of bytes) to a parser and returns what it reports.
PARSE = """async ([pieces, most]) => {
    const { EventParser } = await import("/ui/parser.js");
    const found = [];
    const parser = new EventParser({
        event: ({ name, data, id, isCut }) => found.push([name, data, id, isCut]),
        comment: (text) => found.push([":", text]),
        retry: (ms) => found.push(["retry", ms]),
    }, most);
    for (const piece of pieces) parser.push(new Uint8Array(piece));
    return found;
}"""

# Runs many events through parser and rows; returns the heap before and after, and the number of rows.
FLOOD = """async () => {
    const { EventParser } = await import("/ui/parser.js");
    const { addOne } = await import("/ui/table.js");
    const { headAt } = await import("/ui/list.js");
    const encoder = new TextEncoder();
    const parser = new EventParser({ event: ({ data }) => addOne(headAt(data, 0), data) });
    const run = async (begin, end) => {
        for (let at = begin; at < end; at += 500) {
            let text = "";
            for (let n = at; n < at + 500; n++) {
                const key = "019a2b3c-4d5e-7000-8000-" + String(n).padStart(12, "0");
                text += `event: document\\ndata: {"key":"${key}","document":{"n":${n},"x":"${"y".repeat(200)}"}}\\nid: c${n}\\n\\n`;
            }
            parser.push(encoder.encode(text));
            if (at % 5000 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
        }
        await new Promise((resolve) => setTimeout(resolve, 300));
        gc();
        return performance.memory.usedJSHeapSize;
    };
    const before = await run(0, 20000);
    const after = await run(20000, 120000);
    return [before, after, document.querySelectorAll("#documents li").length,
        document.querySelector("#documents .text").textContent];
}"""


@pytest.fixture
def page(start_redis, start_collector, open_page):
    return open_page(start_collector(start_redis()))


def parse(page, *pieces, most=1 << 20):
    return page.evaluate(PARSE, [[list(piece) for piece in pieces], most])


def each_way(text):
    """The text whole, byte by byte, and split in two at each position."""
    yield [text]
    yield [text[at:at + 1] for at in range(len(text))]
    for at in range(len(text)):
        yield [text[:at], text[at:]]


@pytest.mark.parametrize(("text", "found"), [
    ("event: document\ndata: {}\nid: 1\n\n", [["document", "{}", "1", False]]),
    ("event: a\r\ndata: x\r\n\r\ndata: y\r\n\r\n", [["a", "x", "", False], ["message", "y", "", False]]),
    ("data: x\r\rdata: y\r\r\n\n", [["message", "x", "", False], ["message", "y", "", False]]),
    ("data: one\ndata:two\ndata:  three\ndata\n\n", [["message", "one\ntwo\n three\n", "", False]]),
    ("data: äöü€😀\n\n", [["message", "äöü€😀", "", False]]),
    ("\ufeffdata: x\n\n", [["message", "x", "", False]]),
    ("data: \ufeffx\u2028\u0085y\n\n", [["message", "\ufeffx\u2028\u0085y", "", False]]),
    ("id: 7\n\ndata: x\n\nid: a\0b\ndata: y\n\nid\ndata: z\n\n",
     [["message", "x", "7", False], ["message", "y", "7", False], ["message", "z", "", False]]),
    (": note\n:\n\nretry: 1500\nretry: -1\nretry: 1e3\nretry:\n\n", [[":", "note"], [":", ""], ["retry", 1500]]),
    ("event: a\n\ndata: x\n\n", [["message", "x", "", False]]),
    ("unknown: x\nDATA: x\n data: x\n\ndata: unfinished", []),
])
def test_events_are_parsed_wherever_the_pieces_end(page, text, found):
    for pieces in each_way(text.encode()):
        assert parse(page, *pieces) == found, pieces


def test_invalid_utf8_becomes_replacement_characters(page):
    assert parse(page, b"data: a\xff\xfeb\xe2\x82", b"\n\ndata: c\n\n") == [
        ["message", "a\ufffd\ufffdb\ufffd", "", False], ["message", "c", "", False]]


def test_the_beginning_of_a_long_event_is_kept_and_the_next_is_complete(page):
    long = b"event: document\ndata: " + b"x" * 5000
    end = b"\nid: 9\n\ndata: y\n\n"
    kept = ["document", "x" * 94, "9", True]
    for pieces in ([long + end], [long[at:at + 7] for at in range(0, len(long), 7)] + [end]):
        assert parse(page, *pieces, most=100) == [kept, ["message", "y", "9", False]]
    many = parse(page, b"data: 0123456789\n" * 1000, b"\n", b"data: y\n\n", most=100)
    assert many[0][3] and len(many[0][1]) <= 110 and many[1] == ["message", "y", "", False]
    assert parse(page, b"x" * 5000, b": y\n", b"id: " + b"1" * 5000, b"\ndata: z\n\n", most=100) == [
        ["message", "z", "", False]]


def test_a_hundred_thousand_events_leak_no_memory(page):
    before, after, rows, first = page.evaluate(FLOOD)
    assert rows == 200 and '"n":119999' in first
    assert after < before * 1.3 + (2 << 20)
