//! The program as scripts see it: against a node that answers from a script, over QUIC with mutual TLS.

use std::process::{Command, Output};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use expect_test::{expect, expect_file};
use kifu::event::{Millis, NodeId, RecordJson, Seq, Term};
use kifu::net::{
    ApiToken, Authority, Endpoint, EndpointLimits, FrameLimits, Identity, Role, Validity, read_frame, write_frame,
};
use kifu::node::api::{AsOf, Footer, Noun, Request, Response};
use kifu::replay::Moment;
use serde_json::{Value, json};

const LIMITS: FrameLimits = FrameLimits { bytes_max: 1 << 20, idle: None, stall: Duration::from_secs(60) };

/// A cluster's CA in a folder, with an operator's identity.
struct World {
    dir: tempfile::TempDir,
    authority: Authority,
}

impl World {
    fn new() -> World {
        let world =
            World { dir: tempfile::tempdir().expect("a folder"), authority: Authority::create().expect("a CA") };
        world.issue("operator", Role::Operator).save(world.dir.path()).expect("writable");
        world
    }

    fn issue(&self, name: &str, role: Role) -> Identity {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
        let validity = Validity::starting(
            Millis(u64::try_from(now).expect("before the year 584556019")),
            Duration::from_secs(3600),
        );
        self.authority.issue_identity(name, role, validity).expect("an identity")
    }

    /// Starts a node that answers with `script`; returns its address.
    fn serve(&self, script: fn(&Request) -> Vec<Response>) -> String {
        self.serve_frames(move |frame| script(&serde_json::from_slice(frame).expect("a request")))
    }

    /// The same for a script that sees all that a request's frame says.
    fn serve_frames(&self, script: impl Fn(&[u8]) -> Vec<Response> + Copy + Send + Sync + 'static) -> String {
        let identity = self.issue("n1", Role::Node);
        let address = "127.0.0.1:0".parse().expect("an address");
        let endpoint = Endpoint::bind(address, &identity, EndpointLimits::default()).expect("a free port");
        let address = endpoint.local_address().expect("bound").to_string();
        tokio::spawn(async move {
            while let Some(connection) = endpoint.accept().await {
                tokio::spawn(async move {
                    while let Ok(Some((mut send, mut receive))) = connection.accept().await {
                        let frame = read_frame(&mut receive, &LIMITS).await.expect("a frame").expect("a request");
                        for response in script(&frame) {
                            let frame = serde_json::to_vec(&response).expect("plain data");
                            write_frame(&mut send, &frame, &LIMITS).await.expect("an open stream");
                        }
                        send.finish().expect("an open stream");
                    }
                });
            }
        });
        address
    }

    async fn query(&self, node: &str, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kifu-query"));
        for name in
            ["KIFU_NODE", "KIFU_DATA", "KIFU_IDENTITY", "KIFU_TOKEN_FILE", "KIFU_OUTPUT", "KIFU_TIME", "KIFU_LOG"]
        {
            command.env_remove(name);
        }
        command.args(["--node", node, "--identity"]).arg(self.dir.path()).args(args);
        tokio::task::spawn_blocking(move || command.output().expect("the program runs")).await.expect("no panic")
    }
}

#[tokio::test]
async fn a_token_in_a_file_is_enough_for_somebody_elsewhere() {
    let world = World::new();
    let node = world
        .serve(|_| vec![Response::Rows { rows: vec![json!({"id": "n1", "health": "healthy"})], footer: footer() }]);
    let now = world.issue("x", Role::Viewer).certificate().expires_at();
    let token = ApiToken::create(&world.authority, &[], Duration::from_secs(60), now).expect("a token");
    let (elsewhere, file) = (tempfile::tempdir().expect("a folder"), "my.token");
    std::fs::write(elsewhere.path().join(file), token.encode()).expect("writable");
    world.authority.save(world.dir.path()).expect("writable");
    std::fs::copy(world.dir.path().join("identity/ca.crt"), elsewhere.path().join("ca.crt")).expect("copied");
    let ask = |ca: &'static str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kifu-query"));
        command.current_dir(elsewhere.path()).env_clear();
        command.args(["hosts", "--connect", &node, "--token-file", file, "--ca", ca, "-o", "name"]);
        tokio::task::spawn_blocking(move || command.output().expect("the program runs"))
    };
    let output = ask("ca.crt").await.expect("no panic");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "n1", "{}", String::from_utf8_lossy(&output.stderr));
    Authority::create().expect("a CA").save(&elsewhere.path().join("other")).expect("writable");
    let output = ask("other/identity/ca.crt").await.expect("no panic");
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

fn footer() -> Footer {
    Footer { seq: Seq(9), node: "n1".to_owned(), leader: Some("n1".to_owned()), term: Term(2), ..Footer::default() }
}

fn record(seq: u64, kind: &str) -> Response {
    let body = json!({"host": NodeId(1), "slots": 2});
    Response::Record {
        record: Box::new(RecordJson {
            seq: Seq(seq),
            term: Term(2),
            recorded_at: Millis(1_700_000_000_000 + seq),
            observed_at: Millis(1_700_000_000_000),
            origin: NodeId(1),
            origin_seq: seq,
            caused_by: vec![],
            kind: kind.to_owned(),
            version: 1,
            body,
        }),
    }
}

fn rows(rows: Value) -> Vec<Response> {
    vec![Response::Rows { rows: rows.as_array().expect("a list").clone(), footer: footer() }]
}

fn script(request: &Request) -> Vec<Response> {
    let error =
        |code: &str, message: &str| vec![Response::Error { code: code.to_owned(), message: message.to_owned() }];
    match request {
        Request::List { noun: Noun::Hosts } => {
            rows(json!([{"id": "host/n1", "host": NodeId(1), "name": "n1", "online": true}]))
        }
        Request::List { noun: Noun::Leader } => {
            rows(json!([{"id": "term/2", "term": 2, "leader": NodeId(1)}, {"id": "term/1"}]))
        }
        Request::List { .. } => rows(json!([])),
        Request::Status => rows(json!([{"id": "n1", "health": "healthy", "campaign": {"completed": true}}])),
        Request::AsOf { at: Moment::Seq(seq), ask } => {
            let as_of = Some(AsOf { seq: *seq, recorded_at: Millis(1_700_000_000_000) });
            let answers = script(ask).into_iter();
            let past = |response| match response {
                Response::Rows { rows, footer } => {
                    Response::Rows { rows, footer: Footer { as_of: as_of.clone(), ..footer } }
                }
                other => other,
            };
            answers.map(past).collect()
        }
        Request::Get { id } if id == "host/n1" => rows(json!([{"id": "host/n1", "host": NodeId(1), "name": "n1"}])),
        Request::Get { id } => error("not_found", &format!("there is nothing called {id}; did you mean host/n1?")),
        Request::Subscribe { from, filter, limit, follow: _ } => {
            let request = Request::Events { from: *from, follow: false, kinds: filter.kinds.clone(), limit: *limit };
            let early = |response: &Response| !matches!(response, Response::Record { record } if filter.since.is_some_and(|since| record.recorded_at < since));
            script(&request).into_iter().filter(early).collect()
        }
        Request::Events { from, kinds, limit, .. } => {
            let all = [(7, "JOB_QUEUED"), (8, "HOST_ONLINE"), (9, "HOST_ONLINE")];
            let wanted = all
                .into_iter()
                .filter(|(seq, kind)| *seq >= from.0 && (kinds.is_empty() || kinds.iter().any(|one| one == kind)));
            let taken = wanted.take(limit.unwrap_or(u64::MAX) as usize);
            taken.map(|(seq, kind)| record(seq, kind)).chain([Response::End { footer: footer() }]).collect()
        }
        _ => error("unavailable", "no leader took the command"),
    }
}

fn texts(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    (output.status.code().expect("not killed"), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn data_goes_to_stdout_and_the_footer_to_stderr() {
    let world = World::new();
    let node = world.serve(script);
    let (code, out, err) = texts(&world.query(&node, &["hosts", "-o", "jsonl"]).await);
    assert_eq!((code, err.as_str()), (0, "at 9 (n1, leader of term 2)\n"));
    assert_eq!(out, "{\"id\":\"host/n1\",\"host\":\"0000000000000001\",\"name\":\"n1\",\"online\":true}\n");
    let (code, out, _) = texts(&world.query(&node, &["leader", "-o", "json"]).await);
    assert_eq!(code, 0);
    assert_eq!(serde_json::from_str::<Value>(&out).expect("JSON").as_array().map(Vec::len), Some(1));
    let (code, out, _) = texts(&world.query(&node, &["jobs", "-o", "csv"]).await);
    assert_eq!((code, out.lines().count()), (0, 1), "{out}");
    let (code, out, _) = texts(&world.query(&node, &["hosts", "--filter", "name!=n1", "-o", "name"]).await);
    assert_eq!((code, out.as_str()), (0, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_come_in_parts_are_shown_as_one_list_and_half_of_one_is_none() {
    let world = World::new();
    let node = world.serve_frames(|frame| {
        let (one, two) = (vec![json!({"id": "host/n1"})], vec![json!({"id": "host/n2"})]);
        match serde_json::from_slice::<Value>(frame).expect("JSON")["parts"] == true {
            true => vec![Response::Part { rows: one }, Response::Rows { rows: two, footer: footer() }],
            false => vec![Response::Error { code: "failed".to_owned(), message: "too many rows".to_owned() }],
        }
    });
    let (code, out, err) = texts(&world.query(&node, &["hosts", "-o", "name"]).await);
    assert_eq!((code, out.as_str()), (0, "host/n1\nhost/n2\n"), "{err}");
    let node = world.serve(|_| vec![Response::Part { rows: vec![json!({"id": "host/n1"})] }]);
    let (code, out, err) = texts(&world.query(&node, &["hosts", "-o", "name"]).await);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    assert!(err.contains("it ends in the middle"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_follow_filter_and_end() {
    let world = World::new();
    let node = world.serve(script);
    let (code, out, err) = texts(&world.query(&node, &["events", "--time", "iso"]).await);
    assert_eq!((code, err.as_str()), (0, "at 9 (n1, leader of term 2)\n"));
    expect![[r#"
        SEQ  TIME                      ORIGIN  KIND         SUMMARY
        7    2023-11-14T22:13:20.007Z  n1      JOB_QUEUED   host=n1 slots=2
        8    2023-11-14T22:13:20.008Z  n1      HOST_ONLINE  host=n1 slots=2
        9    2023-11-14T22:13:20.009Z  n1      HOST_ONLINE  host=n1 slots=2
    "#]]
    .assert_eq(&out);
    let (code, out, _) =
        texts(&world.query(&node, &["events", "--kind", "host_*", "--limit", "1", "-o", "name"]).await);
    assert_eq!((code, out.as_str()), (0, "9\n"), "the last one");
    let (code, out, _) =
        texts(&world.query(&node, &["events", "--follow", "--since", "8", "--limit", "2", "-o", "name"]).await);
    assert_eq!((code, out.as_str()), (0, "8\n9\n"));
    let (code, out, _) =
        texts(&world.query(&node, &["events", "--since", "2023-11-14T22:13:20.009Z", "-o", "jsonl"]).await);
    let record: RecordJson = serde_json::from_str(&out).expect("one record");
    assert_eq!((code, record.seq), (0, Seq(9)));
    let (code, _, err) = texts(&world.query(&node, &["events", "--kind", "HOST_ONLIEN"]).await);
    assert_eq!(
        (code, err.as_str()),
        (3, "error: there is no kind of event called HOST_ONLIEN\nhint: did you mean HOST_ONLINE?\n")
    );
}

/// A node whose log begins with record 8, and that refuses whoever names an earlier one.
fn begins_later(request: &Request) -> Vec<Response> {
    let from = match request {
        Request::Subscribe { from, .. } | Request::Events { from, .. } => Some(from.0),
        _ => None,
    };
    if from.is_some_and(|from| (1..8).contains(&from)) {
        let message = "record 1 is no longer in this log".to_owned();
        return vec![Response::Error { code: "not_found".to_owned(), message }];
    }
    let from_there = |response| match response {
        Response::Rows { rows, footer } => Response::Rows { rows, footer: Footer { begins: Some(Seq(8)), ..footer } },
        Response::End { footer } => Response::End { footer: Footer { begins: Some(Seq(8)), ..footer } },
        other => other,
    };
    let held = |response: &Response| !matches!(response, Response::Record { record } if record.seq < Seq(8));
    script(request).into_iter().filter(held).map(from_there).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_names_no_position_hears_what_the_log_holds_and_that_it_held_more() {
    let world = World::new();
    let node = world.serve(begins_later);
    let verbs = ["", "--kind HOST_ONLINE", "--domain cluster", "--origin n1", "--until -1s"];
    for verb in verbs {
        let args: Vec<&str> = "events -o name".split(' ').chain(verb.split_whitespace()).collect();
        let (code, out, err) = texts(&world.query(&node, &args).await);
        assert_eq!((code, out.as_str()), (0, "8\n9\n"), "{verb}: {err}");
        assert!(err.contains("the log of n1 begins with record 8"), "{verb}: {err}");
    }
    for args in [&["events", "--limit", "2", "-o", "name"][..], &["events", "--follow", "--limit", "2", "-o", "name"]] {
        let (code, out, err) = texts(&world.query(&node, args).await);
        assert_eq!((code, out.as_str()), (0, "8\n9\n"), "{err}");
        assert!(!err.contains("begins with"), "nothing is missing: {err}");
    }
    for args in [&["events", "--since", "1"][..], &["events", "--since", "1", "--kind", "HOST_ONLINE"]] {
        let (code, _, err) = texts(&world.query(&node, args).await);
        assert!(code == 3 && err.contains("no longer in this log"), "{code}: {err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_read_as_consistently_as_was_asked() {
    let world = World::new();
    let node = world.serve_frames(|frame| {
        let consistency = serde_json::from_slice::<Value>(frame).expect("JSON")["consistency"].clone();
        let request = serde_json::from_slice(frame).expect("a request");
        match (&request, consistency == "lease") {
            (Request::Subscribe { .. }, false) => {
                vec![Response::Error { code: "failed".to_owned(), message: "how?".to_owned() }]
            }
            _ => script(&request),
        }
    });
    for args in
        [["events", "--since", "8", "--consistency", "lease"], ["events", "--origin", "n1", "--consistency", "lease"]]
    {
        let (code, _, err) = texts(&world.query(&node, &args).await);
        assert_eq!(code, 0, "{err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_read_of_rows_can_be_about_the_past_and_the_footer_says_so() {
    let world = World::new();
    let node = world.serve(script);
    let footer = "as of 4 (2023-11-14T22:13:20.000Z), at 9 (n1, leader of term 2)\n";
    let rows = ["hosts", "jobs", "status", "leader", "projections", "get host/n1", "counts"];
    let lists = ["artifacts", "datasets", "digests", "games", "gauntlets", "models", "ratings", "training"];
    for verb in rows.into_iter().chain(lists) {
        let args: Vec<&str> = verb.split(' ').chain(["--at", "4"]).collect();
        let (code, _, err) = texts(&world.query(&node, &args).await);
        assert_eq!((code, err.as_str()), (0, footer), "{verb}");
    }
    for verb in ["events", "whoami", "wait --for a=b"] {
        let args: Vec<&str> = verb.split(' ').chain(["--at", "-10m"]).collect();
        let (code, _, err) = texts(&world.query(&node, &args).await);
        assert_eq!(code, 2, "{verb}");
        assert!(err.contains("does not take --at"), "{err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn get_wait_and_whoami() {
    let world = World::new();
    let node = world.serve(script);
    let (code, out, _) = texts(&world.query(&node, &["get", "host/n1"]).await);
    assert_eq!((code, out.as_str()), (0, "id    host/n1\nhost  n1\nname  n1\n"));
    let (code, _, err) = texts(&world.query(&node, &["get", "host/n2"]).await);
    assert_eq!((code, err.as_str()), (3, "error: there is nothing called host/n2; did you mean host/n1?\n"));
    let (code, ..) = texts(&world.query(&node, &["wait", "--for", "campaign.completed=true"]).await);
    assert_eq!(code, 0);
    let (code, _, err) = texts(&world.query(&node, &["wait", "--for", "host=n2", "--timeout", "5s"]).await);
    assert_eq!(code, 124, "{err}");
    assert!(err.starts_with("error: waited 5s for \"host=n2\": it was not so at 9"), "{err}");
    let (code, out, _) = texts(&world.query(&node, &["whoami", "-o", "csv"]).await);
    assert_eq!(code, 0);
    assert!(out.contains("role,operator,the certificate\n"), "{out}");
    assert!(out.contains(&format!("node,{node},--node\n")), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_fail_has_its_code() {
    let (world, other) = (World::new(), World::new());
    let node = world.serve(script);
    let (code, _, err) = texts(&other.query(&node, &["hosts"]).await);
    assert_eq!(code, 4, "{err}");
    assert!(err.contains("it belongs to another cluster"), "{err}");
    let (code, _, err) = texts(&world.query("127.0.0.1:1", &["hosts"]).await);
    assert_eq!(code, 4, "{err}");
    let (code, _, err) = texts(&world.query(&node, &["hsots"]).await);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("hosts"), "{err}");
    let (code, _, err) = texts(&world.query(&node, &["hosts", "--filter", "state"]).await);
    assert_eq!(code, 2, "{err}");
    let empty = World { dir: tempfile::tempdir().expect("a folder"), authority: Authority::create().expect("a CA") };
    let (code, _, err) = texts(&empty.query(&node, &["hosts"]).await);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("certificate"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_member_is_asked_when_one_does_not_answer() {
    let world = World::new();
    let node = world.serve(script);
    let (code, _, err) = texts(&world.query("127.0.0.1:1", &["--node", &node, "hosts"]).await);
    assert_eq!((code, err.as_str()), (0, "at 9 (n1, leader of term 2)\n"));
}

#[test]
fn help_is_stable() {
    let help = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kifu-query"));
        let output = command.args(args).env_remove("COLUMNS").output().expect("the program runs");
        String::from_utf8(output.stdout).expect("text")
    };
    expect_file!["help/kifu-query.txt"].assert_eq(&help(&["--help"]));
    expect_file!["help/jobs.txt"].assert_eq(&help(&["jobs", "--help"]));
    let completion = help(&["completion", "bash"]);
    assert!(completion.contains("complete -F _kifu__query"), "a bash script");
}

#[test]
fn each_verb_shows_an_example() {
    for verb in ["hosts", "jobs", "events", "get", "wait", "whoami", "status", "leader", "completion"] {
        let output = Command::new(env!("CARGO_BIN_EXE_kifu-query")).args([verb, "--help"]).output().expect("it runs");
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(text.contains("Example") && text.contains(&format!("kifu-query {verb}")), "{verb}: {text}");
    }
}
