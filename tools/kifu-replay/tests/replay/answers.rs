//! Answers about the golden log, word for word.

use expect_test::{Expect, expect};

use crate::support::*;

fn check(args: &str, expect: Expect) {
    let args: Vec<&str> = args.split(' ').collect();
    let run = on(&fixture("log-v1"), &args);
    let shown = format!("{}-- {}\n{}", run.stdout, run.code, run.stderr);
    expect.assert_eq(&shown);
}

#[test]
fn dump_writes_one_document_a_line() {
    check(
        "dump --since 17 --until 18",
        expect![[r#"
        {"seq":17,"term":1,"recorded_at":"2026-01-02T03:04:09.250Z","observed_at":"2026-01-02T03:04:09.247Z","origin":"1111111111111111","origin_seq":17,"caused_by":[16],"kind":"JOB_CLAIMED","version":1,"body":{"job":"job/selfplay-g1-1","host":"1111111111111111","attempt":1}}
        {"seq":18,"term":2,"recorded_at":"2026-01-02T03:04:09.500Z","observed_at":"2026-01-02T03:04:09.497Z","origin":"2222222222222222","origin_seq":18,"caused_by":[],"kind":"LEADER_ELECTED","version":1,"body":{"leader":"2222222222222222","term":2,"previous":"1111111111111111"}}
        -- 0
        2 records; the log holds the records 1 to 21
    "#]],
    );
    check(
        "dump --kind JOB_LEASE_*,HOST_OFFLINE",
        expect![[r#"
        {"seq":19,"term":2,"recorded_at":"2026-01-02T03:04:14.750Z","observed_at":"2026-01-02T03:04:14.747Z","origin":"2222222222222222","origin_seq":19,"caused_by":[],"kind":"HOST_OFFLINE","version":1,"body":{"host":"1111111111111111","last_heard_at":"2026-01-02T03:04:09.000Z","reason":"silent"}}
        {"seq":20,"term":2,"recorded_at":"2026-01-02T03:04:15.000Z","observed_at":"2026-01-02T03:04:14.997Z","origin":"2222222222222222","origin_seq":20,"caused_by":[17,19],"kind":"JOB_LEASE_EXPIRED","version":1,"body":{"job":"job/selfplay-g1-1","host":"1111111111111111","token":17}}
        -- 0
        2 records; the log holds the records 1 to 21
    "#]],
    );
    check(
        "dump --kind leader_elected -o table",
        expect![[r#"
        SEQ       TERM   RECORDED_AT   KIND                      ORIGIN            CAUSED_BY   BODY
        1         1      2026-01-02T03:04:05.250Z  LEADER_ELECTED            1111111111111111  -           {"leader":"1111111111111111","term":1,"previous":null}
        18        2      2026-01-02T03:04:09.500Z  LEADER_ELECTED            2222222222222222  -           {"leader":"2222222222222222","term":2,"previous":"1111111111111111"}
        -- 0
        2 records; the log holds the records 1 to 21
    "#]],
    );
    check(
        "dump --until 3 -o name",
        expect![[r#"
        1
        2
        3
        -- 0
        3 records; the log holds the records 1 to 21
    "#]],
    );
    check(
        "dump --until 1 -o csv",
        expect![[r#"
        seq,term,recorded_at,kind,origin,caused_by,observed_at,origin_seq,version,body
        1,1,2026-01-02T03:04:05.250Z,LEADER_ELECTED,1111111111111111,-,2026-01-02T03:04:05.247Z,1,1,"{""leader"":""1111111111111111"",""term"":1,""previous"":null}"
        -- 0
        1 records; the log holds the records 1 to 21
    "#]],
    );
}

#[test]
fn show_writes_one_record() {
    check(
        "show 20",
        expect![[r#"
        seq          20
        term         2
        recorded_at  2026-01-02T03:04:15.000Z
        observed_at  2026-01-02T03:04:14.997Z
        origin       2222222222222222
        origin_seq   20
        caused_by    17,19
        kind         JOB_LEASE_EXPIRED
        version      1

        {
          "job": "job/selfplay-g1-1",
          "host": "1111111111111111",
          "token": 17
        }
        -- 0
    "#]],
    );
    check(
        "show 20 -o json",
        expect![[r#"
        {
          "seq": 20,
          "term": 2,
          "recorded_at": "2026-01-02T03:04:15.000Z",
          "observed_at": "2026-01-02T03:04:14.997Z",
          "origin": "2222222222222222",
          "origin_seq": 20,
          "caused_by": [
            17,
            19
          ],
          "kind": "JOB_LEASE_EXPIRED",
          "version": 1,
          "body": {
            "job": "job/selfplay-g1-1",
            "host": "1111111111111111",
            "token": 17
          }
        }
        -- 0
    "#]],
    );
}

#[test]
fn stats_count_by_kind() {
    check(
        "stats --since 16",
        expect![[r#"
        KIND               COUNT  SHARE  PER_MINUTE  BYTES  FIRST_SEQ  LAST_SEQ
        JOB_CLAIMED        2      33.3%  19.2        186 B  17         21
        HOST_OFFLINE       1      16.7%  9.6         65 B   19         19
        JOB_LEASE_EXPIRED  1      16.7%  9.6         105 B  20         20
        JOB_QUEUED         1      16.7%  9.6         281 B  16         16
        LEADER_ELECTED     1      16.7%  9.6         73 B   18         18
        -- 0
        6 records, 710 B in 6s (57.6/min), 2 terms
    "#]],
    );
    check(
        "stats --since 20 -o json",
        expect![[r#"
        {
          "records": 2,
          "bytes": 198,
          "terms": 1,
          "first_at": "2026-01-02T03:04:15.000Z",
          "last_at": "2026-01-02T03:04:15.250Z",
          "span_ms": 250,
          "per_minute": 480.0,
          "kinds": [
            {
              "kind": "JOB_CLAIMED",
              "count": 1,
              "share": 0.5,
              "per_minute": 240.0,
              "bytes": 93,
              "first_seq": 21,
              "last_seq": 21,
              "last_at": "2026-01-02T03:04:15.250Z"
            },
            {
              "kind": "JOB_LEASE_EXPIRED",
              "count": 1,
              "share": 0.5,
              "per_minute": 240.0,
              "bytes": 105,
              "first_seq": 20,
              "last_seq": 20,
              "last_at": "2026-01-02T03:04:15.000Z"
            }
          ]
        }
        -- 0
        2 records, 198 B in 250ms (480.0/min), 1 terms
    "#]],
    );
}

#[test]
fn state_shows_any_moment() {
    check(
        "state --at 17 --projection jobs -o json",
        expect![[r#"
            [
              {
                "job": "job/init-g0",
                "spec": {
                  "init_model": {
                    "game": "connect4",
                    "net": "tiny",
                    "seed": 7
                  }
                },
                "state": "done",
                "priority": 10,
                "lease_ms": 15000,
                "attempts_max": 5,
                "avoid": [],
                "attempts": 1,
                "lease": {
                  "host": "1111111111111111",
                  "token": 10,
                  "claimed_at": "2026-01-02T03:04:07.500Z",
                  "started_at": "2026-01-02T03:04:07.750Z"
                },
                "queued_seq": 9,
                "queued_at": "2026-01-02T03:04:07.250Z",
                "changed_seq": 14,
                "changed_at": "2026-01-02T03:04:08.500Z",
                "failed_at": null,
                "error": null,
                "elapsed_ms": 480,
                "refused": 0,
                "result_seq": null
              },
              {
                "job": "job/selfplay-g1-1",
                "spec": {
                  "self_play": {
                    "game": "connect4",
                    "generation": 1,
                    "model": "model/connect4-g0-5eed5eed",
                    "weights": "3edc5c4a5df8c79ef4f8dbdc373cd21ca041ccf39fe5693250d004092094dc4a",
                    "games": 40,
                    "seed": 11,
                    "search": {
                      "simulations": 48,
                      "considered": 7,
                      "gumbel_scale": 1.0
                    },
                    "sampled_plies": 10
                  }
                },
                "state": "claimed",
                "priority": 10,
                "lease_ms": 15000,
                "attempts_max": 5,
                "avoid": [],
                "attempts": 1,
                "lease": {
                  "host": "1111111111111111",
                  "token": 17,
                  "claimed_at": "2026-01-02T03:04:09.250Z",
                  "started_at": null
                },
                "queued_seq": 16,
                "queued_at": "2026-01-02T03:04:09.000Z",
                "changed_seq": 17,
                "changed_at": "2026-01-02T03:04:09.250Z",
                "failed_at": null,
                "error": null,
                "elapsed_ms": null,
                "refused": 0,
                "result_seq": null
              }
            ]
            -- 0
            at 17 of 21, term 1, state digest 2b5df5ab262f9db83b16d76bc97b5e92b4dc5f5a246ec262bf001f66796d04f1
        "#]],
    );
    check(
        "state --at 18 --projection leadership -o table",
        expect![[r#"
            TERM  LEADER            PREVIOUS          SEQ  SINCE
            1     1111111111111111  -                 1    2026-01-02T03:04:05.250Z
            2     2222222222222222  1111111111111111  18   2026-01-02T03:04:09.500Z
            -- 0
            at 18 of 21, term 2, state digest e4f04ba033adef8bdc915a4594ef3caaa1801eb3b842b482c2d016d63aaab2be
        "#]],
    );
    check(
        "state --at 0 --projection hosts",
        expect![[r#"
            []
            -- 0
            at 0 of 21, term 0, state digest 130ba2b8e5f159a216ea415b48952938d5c6643789523363cc11ffb7b5a72b52
        "#]],
    );
}

#[test]
fn a_moment_is_a_seq_a_time_or_an_age() {
    let at = |moment: &str| {
        let run = on(&fixture("log-v1"), &["state", "--at", moment, "--projection", "quorum"]);
        assert_eq!(run.code, 0, "{moment}: {}", run.stderr);
        run.stderr.split(' ').nth(1).expect("at SEQ of …").to_owned()
    };
    let cases = [
        ("5", "5"),
        ("2026-01-02T03:04:06.250Z", "5"),
        ("2026-01-02T03:04:06.300Z", "5"),
        ("2000-01-01T00:00:00Z", "0"),
        ("2100-01-01T00:00:00Z", "21"),
        ("-0s", "21"),
        ("-6s", "17"),
        ("-250ms", "20"),
        ("-1h", "0"),
    ];
    for (moment, seq) in cases {
        assert_eq!(at(moment), seq, "{moment}");
    }
    let run = on(&fixture("log-v1"), &["diff", "-6s", "-250ms", "--projection", "hosts"]);
    assert_eq!((run.code, run.stderr.lines().last()), (7, Some("5 differences between 17 and 20")));
    for nonsense in ["-10x", "yesterday", "-", ""] {
        assert_eq!(on(&fixture("log-v1"), &["state", "--at", nonsense]).code, 2, "{nonsense}");
    }
}

#[test]
fn diff_names_every_field_and_ends_with_7() {
    check(
        "diff 19 20",
        expect![[r#"
        + counts JOB_LEASE_EXPIRED {"kind":"JOB_LEASE_EXPIRED","records":1,"last_seq":20,"last_at":"2026-01-02T03:04:15.000Z"}
        ~ dedupe 2222222222222222 origin_seq: 19 → 20
        ~ dedupe 2222222222222222 seq: 19 → 20
        ~ jobs job/selfplay-g1-1 state: "claimed" → "queued"
        ~ jobs job/selfplay-g1-1 lease: {"host":"1111111111111111","token":17,"claimed_at":"2026-01-02T03:04:09.250Z","started_at":null} → null
        ~ jobs job/selfplay-g1-1 changed_seq: 17 → 20
        ~ jobs job/selfplay-g1-1 changed_at: "2026-01-02T03:04:09.250Z" → "2026-01-02T03:04:15.000Z"
        ~ jobs job/selfplay-g1-1 error: null → "the lease expired"
        -- 7
        8 differences between 19 and 20
    "#]],
    );
    check(
        "diff 20 19 --projection jobs -o jsonl",
        expect![[r#"
        {"projection":"jobs","row":"job/selfplay-g1-1","change":"changed","field":"state","before":"queued","after":"claimed"}
        {"projection":"jobs","row":"job/selfplay-g1-1","change":"changed","field":"lease","before":null,"after":{"host":"1111111111111111","token":17,"claimed_at":"2026-01-02T03:04:09.250Z","started_at":null}}
        {"projection":"jobs","row":"job/selfplay-g1-1","change":"changed","field":"changed_seq","before":20,"after":17}
        {"projection":"jobs","row":"job/selfplay-g1-1","change":"changed","field":"changed_at","before":"2026-01-02T03:04:15.000Z","after":"2026-01-02T03:04:09.250Z"}
        {"projection":"jobs","row":"job/selfplay-g1-1","change":"changed","field":"error","before":"the lease expired","after":null}
        -- 7
        5 differences between 20 and 19
    "#]],
    );
    check(
        "diff 20 20",
        expect![[r#"
        -- 0
        0 differences between 20 and 20
    "#]],
    );
    check(
        "diff 19 20 --projection hosts",
        expect![[r#"
        -- 0
        0 differences between 19 and 20
    "#]],
    );
}

#[test]
fn why_draws_causes_and_effects() {
    check(
        "why 17",
        expect![[r#"
        #17 JOB_CLAIMED job=job/selfplay-g1-1 host=1111111111111111 attempt=1
        causes:
        └─ #16 JOB_QUEUED job=job/selfplay-g1-1 priority=10 lease_ms=15000 attempts_max=5
           └─ #15 MODEL_PROMOTED model=model/connect4-g0-5eed5eed generation=0
              └─ #13 MODEL_INITIALIZED model=model/connect4-g0-5eed5eed game=connect4 weights=3edc5c4a5df8c79ef4f8dbdc373cd21ca041ccf39fe56932 net=tiny
                 └─ #11 JOB_STARTED job=job/init-g0 host=1111111111111111 token=10
                    └─ #10 JOB_CLAIMED job=job/init-g0 host=1111111111111111 attempt=1
                       └─ #9 JOB_QUEUED job=job/init-g0 priority=10 lease_ms=15000 attempts_max=5
                          └─ #4 CONFIG_CHANGED actor=golden
                             └─ #2 CLUSTER_CREATED cluster=cluster/golden name=golden ca=0abbcb3a831bb0296ab18d50c609f96e811372bac33eea71
        effects:
        └─ #20 JOB_LEASE_EXPIRED job=job/selfplay-g1-1 host=1111111111111111 token=17
           └─ #21 JOB_CLAIMED job=job/selfplay-g1-1 host=2222222222222222 attempt=2
        -- 0
        the log holds the records 1 to 21
    "#]],
    );
    check(
        "why 11 --depth 1",
        expect![[r#"
        #11 JOB_STARTED job=job/init-g0 host=1111111111111111 token=10
        causes:
        └─ #10 JOB_CLAIMED job=job/init-g0 host=1111111111111111 attempt=1
           └─ … 1 more; see --depth
        effects:
        ├─ #12 ARTIFACT_STORED artifact=3edc5c4a5df8c79ef4f8dbdc373cd21ca041ccf39fe56932 kind=model bytes=70000 host=1111111111111111
        ├─ #13 MODEL_INITIALIZED model=model/connect4-g0-5eed5eed game=connect4 weights=3edc5c4a5df8c79ef4f8dbdc373cd21ca041ccf39fe56932 net=tiny
        │  └─ … 1 more; see --depth
        └─ #14 JOB_COMPLETED job=job/init-g0 host=1111111111111111 token=10 elapsed_ms=480
        -- 0
        the log holds the records 1 to 21
    "#]],
    );
    check(
        "why 8",
        expect![[r#"
        #8 HOST_ONLINE host=2222222222222222 incarnation=1767323045000 slots=1
        causes: none recorded
        effects: none recorded
        -- 0
        the log holds the records 1 to 21
    "#]],
    );
    check(
        "why 21 --depth 2 -o jsonl",
        expect![[r#"
        {"seq":21,"kind":"JOB_CLAIMED","recorded_at":"2026-01-02T03:04:15.250Z","body":{"job":"job/selfplay-g1-1","host":"2222222222222222","attempt":2},"causes":[{"seq":20,"kind":"JOB_LEASE_EXPIRED","recorded_at":"2026-01-02T03:04:15.000Z","body":{"job":"job/selfplay-g1-1","host":"1111111111111111","token":17},"next":[{"seq":17,"kind":"JOB_CLAIMED","recorded_at":"2026-01-02T03:04:09.250Z","body":{"job":"job/selfplay-g1-1","host":"1111111111111111","attempt":1},"next":[]},{"seq":19,"kind":"HOST_OFFLINE","recorded_at":"2026-01-02T03:04:14.750Z","body":{"host":"1111111111111111","last_heard_at":"2026-01-02T03:04:09.000Z","reason":"silent"},"next":[]}]}],"effects":[]}
        -- 0
        the log holds the records 1 to 21
    "#]],
    );
}

#[test]
fn verify_says_what_it_checked() {
    check(
        "verify",
        expect![[r#"
        ok: 2 segments, 16 entries, 21 records, 3.9 KiB, 2 terms, 0 digests compared
        -- 0
    "#]],
    );
    check(
        "verify --no-fold -o json",
        expect![[r#"
        {
          "ok": true,
          "cluster": "4dbf7ba29fc6937e7a9810746e31c9280dbe1c289a3bc219eec1ead464cf5c2f",
          "segments": 2,
          "entries": 16,
          "records": 21,
          "bytes": 3991,
          "terms": 2,
          "last_seq": 21,
          "chain": "6cc29821b7122f2dcd8bc36dc109bc529d5c6d5106ddb7b4b7744c6b3660a7fb",
          "digests_compared": 0,
          "state_digest": null,
          "torn_bytes": 0,
          "problem_count": 0,
          "problems": []
        }
        -- 0
        2 segments, 16 entries, 21 records, 3.9 KiB, 2 terms, 0 digests compared
    "#]],
    );
}

#[test]
fn the_help_names_verbs_and_exit_codes() {
    // clap pads empty lines.
    let help: String = run(&["--help"]).stdout.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    expect![[r#"
        Replays, explains and verifies a Kifu event log

        Reads a node's directory, or a copy of its log made with `cp -r`. Works while no node runs, and
        beside one. Never writes, but for `rebuild`. Data goes to stdout, words to stderr.

        Usage: kifu-replay [OPTIONS] <COMMAND>

        Commands:
          dump     Write the records, one JSON document a line
          show     Show one record
          stats    Count the records by kind, with their rate and size
          state    Show the state after a record: all projections, or one
          diff     Show what changed in the state between two records
          why      Show the causes and the effects of a record as a tree
          verify   Check checksums, hash chain, gaps and terms; fold the log and compare with the recorded
                   digests
          rebuild  Make the projections and the retained snapshots of a node anew, from its log alone
          game     Look into recorded games
          dataset  Take samples to other programs, and check those that come back
          help     Print this message or the help of the given subcommand(s)

        Options:
              --data <DIR>
                  A node's directory, or the folder of its log

                  [env: KIFU_DATA]

              --archive <DIR>
                  A node's archive, with what came before its log; DIR/archive when there is one

                  [env: KIFU_ARCHIVE]

          -h, --help
                  Print help (see a summary with '-h')

          -V, --version
                  Print version

        Output:
          -o, --output <OUTPUT>
                  How the answer is written

                  Possible values:
                  - table: Columns for people
                  - wide:  All columns for people
                  - json:  One JSON document
                  - jsonl: One JSON document a line
                  - csv:   Comma-separated values with a header
                  - name:  Only the ids, one a line

                  [env: KIFU_OUTPUT]
                  [default: table]

              --time <TIME>
                  How times are written in tables

                  Possible values:
                  - relative: As a distance from now, such as `12s ago`
                  - iso:      RFC 3339 in UTC
                  - unix:     Milliseconds since the epoch

                  [env: KIFU_TIME]
                  [default: relative]

        Logs:
          -v, --verbose...
                  Say more on stderr; repeat for still more

              --log <FILTER>
                  What is logged, as `target=level` pairs; wins over -v

                  [env: KIFU_LOG]

              --log-format <LOG_FORMAT>
                  How log lines look

                  Possible values:
                  - text: For people
                  - json: One JSON object a line

                  [env: KIFU_LOG_FORMAT]
                  [default: text]

              --no-color
                  Never colour anything; NO_COLOR does the same

        Exit codes:
          0  ok
          1  failure
          2  usage
          3  not found: no log in the directory, no record with this seq, no such projection
          5  conflict: a live node truncated the log while it was read; rebuild while the node runs
          6  unhealthy: a damaged log, or one of another format; a stopped projection; a bad game file
          7  differences found: diff found some; verify found another digest than was recorded
        130  interrupted

        Example:
          kifu-replay --data /var/lib/kifu/n1 verify
    "#]]
    .assert_eq(&help);
    for verb in ["dump", "show", "stats", "state", "diff", "why", "verify"] {
        let help = run(&[verb, "--help"]);
        assert!(help.code == 0 && help.stdout.contains("Example:"), "{verb}: {}", help.stdout);
    }
}

#[test]
fn all_projections_come_in_one_document() {
    let run = on(&fixture("log-v1"), &["state"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let state: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(state["seq"], 21);
    let names: Vec<&str> = state["projections"].as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(names, kifu::projection::State::NAMES);
    assert_eq!(state["projections"]["champions"][0]["model"], "model/connect4-g0-5eed5eed");
}
