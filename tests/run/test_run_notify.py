"""Notifications: what is told, to whom, and that nobody ever waits for it."""

from __future__ import annotations

import http.server
import json
import sys
import threading
import time

import pytest

from lorabridge.run.folder import RunFolder
from lorabridge.run.notify import COMMAND, URL, Hooks, Notifier, hooks_in, message, notifying
from lorabridge.run.start import StartError, start
from lorabridge.run.view import View

START = {"event": "start", "time": 1000, "stage": None, "name": "cat", "total": 10, "stages": []}
ALARM = {"event": "alarm", "time": 2000, "stage": "train", "code": "LB720", "text": "the loss is nan at step 3", "action": "save_and_stop"}
END = {"event": "end", "time": 61000, "stage": None, "reason": "diverged", "cause": "the loss is nan"}


def seen(*records: dict) -> View:
    view = View()
    for record in records:
        view.feed(record)
    return view


def test_messages():
    assert message(START, seen(START)) == "cat started"
    assert message(ALARM, seen(START)) == "cat, before the first step: the loss is nan at step 3 (save and stop)"
    assert message({"event": "save", "path": "/x/a.safetensors"}, seen(START)) == "cat, before the first step: saved a.safetensors"
    assert message(END, seen(START, END)) == "cat diverged at before the first step after 1 min 00 s: the loss is nan"
    assert message({"event": "progress", "step": 3}, seen(START)) == ""


def test_a_command_gets_the_message_as_one_argument_without_a_shell(tmp_path):
    script = f"import sys; open({str(tmp_path / 'said')!r}, 'a').write(repr(sys.argv[1:]) + chr(10))"
    notifier = Notifier(Hooks((sys.executable, "-c", script)))
    view = seen({**START, "name": "$(touch x); cat"})
    notifier.show(START, view)
    notifier.show({"event": "progress", "step": 3}, view)
    notifier.close()
    assert (tmp_path / "said").read_text() == repr(["$(touch x); cat started"]) + "\n"


def test_a_webhook_gets_json():
    got: list[dict] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    notifier = Notifier(Hooks(url=f"http://127.0.0.1:{server.server_port}/x"))
    notifier.show(ALARM, seen(START))
    notifier.close()
    server.shutdown()
    server.server_close()
    assert got[0]["record"]["code"] == "LB720"
    assert "loss is nan" in got[0]["text"]


@pytest.mark.parametrize(
    "hooks", [Hooks((sys.executable, "-c", "import time; time.sleep(60)")), Hooks(("/nowhere/at/all",)), Hooks(url="http://127.0.0.1:9/x")]
)
def test_nobody_waits_for_a_hook_that_hangs_or_is_not_there(hooks):
    notifier, view = Notifier(hooks, seconds=0.2), seen(START)
    began = time.monotonic()
    for _ in range(500):
        notifier.show(START, view)
    assert time.monotonic() - began < 1.0, "a full queue drops messages"
    notifier.close()
    assert time.monotonic() - began < 5.0


def test_hooks_of_the_environment():
    assert hooks_in({}) == Hooks()
    assert hooks_in({COMMAND: '["notify-send", "x"]', URL: " https://h/x "}) == Hooks(("notify-send", "x"), "https://h/x")
    for bad in ({COMMAND: "notify-send x"}, {COMMAND: "[]"}, {COMMAND: "[1]"}, {URL: "ftp://x"}, {URL: "file:///etc/passwd"}):
        with pytest.raises(ValueError, match="LORABRIDGE_NOTIFY"):
            hooks_in(bad)


def test_a_run_with_hooks_that_cannot_be_used_does_not_begin(tmp_path):
    with pytest.raises(StartError, match="JSON list"):
        start(RunFolder(tmp_path), {COMMAND: "notify-send x"})


def test_the_display_is_kept():
    class Screen:
        shown = 0
        closed = False

        def show(self, record, view):
            self.shown += 1

        def tick(self, view):
            pass

        def close(self):
            self.closed = True

    screen = Screen()
    assert notifying(screen, {}) is screen
    both = notifying(screen, {COMMAND: json.dumps([sys.executable, "-c", "pass"])})
    both.show(START, seen(START))
    both.tick(seen(START))
    both.close()
    assert (screen.shown, screen.closed) == (1, True)
