#!/usr/bin/env python3
"""A worker for Kifu in 60 lines: the external program "wordcount" counts the words of its input blobs.

The node starts this program and talks to it over stdin and stdout, one JSON object a line (see docs/workers.md).
Nothing but messages may go to stdout; print what you want to say to people to stderr.
"""

import collections
import json
import pathlib
import sys


def say(**message):
    print(json.dumps(message), flush=True)


def answer(kind, job, **more):
    """Every answer repeats the job's id and its token."""
    say(type=kind, job=job["job"], token=job["token"], **more)


def count_words(job):
    """Reads the inputs, writes counts.json, and returns what the log should remember."""
    params = json.loads(job["spec"]["external"]["params"])
    counts = collections.Counter()
    for done, path in enumerate(job["inputs"].values(), start=1):
        counts.update(pathlib.Path(path).read_text(encoding="utf-8").split())
        # Progress is also a sign of life: a job that stays silent for too long is given up.
        answer("progress", job, done=done / len(job["inputs"]))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    scratch = pathlib.Path(job["scratch"])
    (scratch / "counts.json").write_text(json.dumps(dict(ordered)), encoding="utf-8")
    return {"words": counts.total(), "distinct": len(counts), "top": ordered[: params.get("top", 3)]}


def run(job):
    try:
        output = count_words(job)
    except (OSError, ValueError) as error:
        # The same input would fail again: no other attempt is wanted.
        answer("error", job, message=f"{type(error).__name__}: {error}", retry=False)
    else:
        answer("result", job, result={"external": {"output": output, "files": ["counts.json"]}})


def main():
    say(type="hello", protocol=1, worker="wordcount 1.0", kinds=["external"], programs=["wordcount"])
    for line in sys.stdin:
        message = json.loads(line)
        if message["type"] == "job":
            run(message)
        elif message["type"] == "shutdown":
            break
        # "cancel" names a job that is over by the time this program reads it; there is nothing to stop.


if __name__ == "__main__":
    main()
