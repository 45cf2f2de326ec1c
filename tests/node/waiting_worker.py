"""A worker whose job takes until a file appears: the external program "wait" with the parameters {"until": PATH, "said": PATH}.

Once its result is on the way to the node, it makes the second file."""

import json
import pathlib
import sys
import time


def say(**message):
    print(json.dumps(message), flush=True)


say(type="hello", protocol=1, worker="waiting", kinds=["external"], programs=["wait"])
for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "shutdown":
        break
    if message["type"] != "job":
        continue
    about = {"job": message["job"], "token": message["token"]}
    params = json.loads(message["spec"]["external"]["params"])
    while not pathlib.Path(params["until"]).exists():
        say(type="progress", **about)
        time.sleep(0.1)
    say(type="result", **about, result={"external": {"output": "waited"}})
    pathlib.Path(params["said"]).touch()
