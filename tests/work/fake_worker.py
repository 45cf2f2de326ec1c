"""A worker that misbehaves on purpose: `fake_worker.py MODE [COUNTER-FILE]`. It offers the external program "fake"."""

import json
import os
import sys
import time

mode = sys.argv[1]


def say(**message):
    print(json.dumps(message), flush=True)


def answer(kind, job, **more):
    say(type=kind, job=job["job"], token=job["token"], **more)


def result(job, **more):
    answer("result", job, result={"external": {"output": {"pid": os.getpid()}, **more}})


def hang():
    while True:
        time.sleep(3600)


def misbehave(job):
    scratch = job["scratch"]
    if mode == "garbage":
        print("I am not JSON", flush=True)
        hang()
    if mode == "long":
        sys.stdout.write("x" * 10_000_000)
        sys.stdout.flush()
        hang()
    if mode == "die":
        print("out of memory, sorry", file=sys.stderr, flush=True)
        os._exit(3)
    if mode == "half-line":
        sys.stdout.write('{"type":"resu')
        sys.stdout.flush()
        os._exit(0)
    if mode == "hang":
        hang()
    if mode == "wrong-token":
        say(type="result", job=job["job"], token=job["token"] + 1, result={"external": {"output": 1}})
    if mode == "wrong-job":
        say(type="result", job="job/other", token=job["token"], result={"external": {"output": 1}})
    if mode == "wrong-usage":
        answer("progress", job, inference={"leaves_per_s": 9, "batch_fill": 1, "net_share": -0.5, "wait_ms": 1})
    if mode == "wrong-kind":
        answer("result", job, result={"gauntlet": {
            "wins": 1, "draws": 0, "losses": 0, "pairs": [0, 0, 0, 0, 1], "candidate_weights": "00" * 32, "candidate_leaves": 9}})
    if mode == "traversal":
        with open(os.path.join(scratch, "..", "outside"), "w") as file:
            file.write("mine")
        result(job, files=["../outside"])
    if mode == "absolute":
        result(job, files=["/etc/hostname"])
    if mode == "symlink":
        os.symlink("/etc/hostname", os.path.join(scratch, "link"))
        result(job, files=["link"])
    if mode == "missing":
        result(job, files=["never-written"])
    if mode == "many":
        result(job, files=["f"] * 100)
    if mode == "large":
        answer("result", job, result={"external": {"output": "y" * 300_000}})
    if mode == "hello-twice":
        say(type="hello", protocol=1, worker="fake", kinds=["external"], programs=["fake"])
    hang()


def serve():
    say(type="hello", protocol=2 if mode == "protocol" else 1, worker="fake 1",
        kinds=["train" if mode == "trains" else "external"], programs=["fake"])
    while line := sys.stdin.readline():
        message = json.loads(line)
        if message["type"] == "shutdown" and mode != "stubborn":
            return
        if message["type"] == "cancel":
            if mode in ("obedient", "plays"):
                answer("error", job, message="cancelled", retry=True)
        if message["type"] != "job":
            continue
        job = message
        if mode == "ok":
            answer("progress", job, done=0.5)
            with open(os.path.join(job["scratch"], "out.txt"), "w") as file:
                file.write("done")
            result(job, files=["out.txt"])
        elif mode == "error":
            answer("error", job, message="no such opening", retry=False)
        elif mode == "chatty":
            for _ in range(1000):
                answer("progress", job)
                print("chatter " * 2000, file=sys.stderr)
            result(job)
        elif mode == "dies-once":
            if os.path.exists(sys.argv[2]):
                result(job)
            else:
                open(sys.argv[2], "w").close()
                os._exit(9)
        elif mode == "trains":
            if not os.path.exists(job["checkpoint"]):
                with open(job["checkpoint"], "w") as file:
                    file.write("step 7")
                os._exit(9)
            with open(job["checkpoint"]) as file:
                answer("error", job, message="goes on from " + file.read(), retry=True)
        elif mode == "family":
            pid = os.fork()
            if pid == 0:
                hang()
            with open(sys.argv[2], "w") as file:
                file.write(str(pid))
            answer("progress", job)
            hang()
        elif mode == "plays":
            answer("progress", job, done=0.5, inference={"leaves_per_s": 640, "batch_fill": 0.5, "net_share": 0.9, "wait_ms": 3})
        elif mode not in ("obedient", "stubborn"):
            misbehave(job)
    if mode == "stubborn":
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        hang()


if mode == "silent":
    hang()
elif mode == "cat":
    print("Usage: cat [FILE]", flush=True)
    hang()
elif mode == "exits":
    print("no libtorch here", file=sys.stderr)
    sys.exit(4)
else:
    serve()
