"""python benchmarks/demo_load.py [MODEL] [--users 20] [--requests 5]

Many users of `pixlm demo` at once on this machine: every answer has to be that to its own request, none an error.
Prints errors, answers that belong to somebody else, seconds a request, and the memory of the server.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import threading
import time

import psutil
from gradio_client import Client

TEXTS = ("The cat sat on the mat.", "Hôm nay trời đẹp quá.", "Сегодня хорошая погода.", "오늘은 날씨가 좋습니다.")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[2])
    parser.add_argument("model", nargs="?", default="pixlm-tiny")
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--requests", type=int, default=5)
    args = parser.parse_args()
    command = [sys.executable, "-m", "pixlm.cli", "demo", args.model, "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    try:
        address = next(found[1] for line in server.stdout if (found := re.match(r"(http://[\d.:]+/)", line)))
        return _load(address, psutil.Process(server.pid), args.users, args.requests)
    finally:
        server.terminate()
        server.wait(30)


def _load(address: str, server: psutil.Process, users: int, requests: int) -> int:
    client = Client(address, verbose=False)
    for text in TEXTS:  # the alphabets of their scripts are made once
        client.predict(text, "", "random", 0.25, 1, "", api_name="/reconstruct")
    before = server.memory_info().rss
    seconds: list[float] = []
    wrong: list[str] = []
    peak = [before]

    def visit(user: int) -> None:
        own = Client(address, verbose=False)
        for number in range(requests):
            text = f"{TEXTS[user % len(TEXTS)]} {user} {number}"
            start = time.perf_counter()
            try:
                shown, query = own.predict(text, "", "random", 0.25, user, "", api_name="/reconstruct")
            except Exception as error:
                wrong.append(f"user {user}: {type(error).__name__}: {error}")
                continue
            seconds.append(time.perf_counter() - start)
            peak[0] = max(peak[0], server.memory_info().rss)
            cells = "".join(re.findall(r'title="(.*?) → ', shown))
            if "px-error" in shown:
                wrong.append(f"user {user}: {shown[:200]}")
            elif cells != text.replace(" ", "") or f"seed={user}" not in query:
                wrong.append(f"user {user} got the answer of another: {cells!r}")

    threads = [threading.Thread(target=visit, args=(user,)) for user in range(users)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = time.perf_counter() - start
    after = server.memory_info().rss
    print(
        f"users {users}, requests {users * requests}, answered {len(seconds)}, wrong {len(wrong)}, {whole:.1f} s in all"
    )
    if seconds:
        middle, slow = statistics.median(seconds), sorted(seconds)[int(0.95 * (len(seconds) - 1))]
        print(f"seconds a request: median {middle:.2f}, 95 % within {slow:.2f}, longest {max(seconds):.2f}")
    print(f"memory of the server, MiB: before {before >> 20}, most {peak[0] >> 20}, after {after >> 20}")
    print("\n".join(wrong[:5]))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
