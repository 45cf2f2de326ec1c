//! Who may do what: tokens for people elsewhere, certificates that are renewed, copies of the CA.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kifu::event::jobs::{ExternalSpec, JobSpec};
use kifu::event::{JobId, Kind, Millis, Seq};
use kifu::net::{Authority, Identity, Role, Validity};
use kifu::node::api::{Client, Credentials, Noun, Request, Response, Target};
use serde_json::Value;

use super::support::{Machine, PATIENCE, ended, program};

/// Runs a verb on a machine's data directory.
fn verb(machine: &Machine, words: &[&str]) -> Output {
    program().args(words).arg("--data").arg(&machine.data).output().expect("the program runs")
}

fn good(output: &Output) -> String {
    assert!(output.status.success(), "{}", ended(output).1);
    String::from_utf8(output.stdout.clone()).expect("text").trim().to_owned()
}

/// Two machines, online.
async fn pair(folder: &Path) -> [Machine; 2] {
    let mut machines = ["n1", "n2"].map(|name| Machine::new(folder, name));
    machines[0].init(&[]);
    machines[0].start();
    machines[0].wait_for("a leader", |status| status.hosts_online == 1).await;
    let [first, second] = &mut machines;
    second.join(first, &[]);
    second.start();
    second.wait_for("two hosts", |status| status.hosts_online == 2).await;
    machines
}

fn holder(machine: &Machine, token: &Path, ca: &Path) -> Target {
    let identity = Credentials::of_token_file(token, Some(ca.to_owned())).expect("a token");
    Target { addresses: vec![machine.listen.clone()], identity }
}

async fn ask(target: &Target, request: &Request) -> Result<Response, String> {
    let client = Client::connect(target).await.map_err(|error| error.to_string())?;
    client.ask(request).await.map_err(|error| error.to_string())
}

/// Asks until it is answered as wanted: a follower may be a little behind.
async fn until(target: &Target, request: &Request, wanted: impl Fn(&Result<Response, String>) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = ask(target, request).await;
        if wanted(&answer) {
            return;
        }
        assert!(Instant::now() < deadline, "the last answer was {answer:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Bodies of all records of a kind, once there are so many.
async fn bodies(machine: &Machine, kind: Kind, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    let target = Target::of_this_data_dir(&machine.data).expect("it runs");
    loop {
        let client = Client::connect(&target).await.expect("it answers");
        let kinds = vec![kind.name().to_owned()];
        let request = Request::Events { from: Seq(1), follow: false, kinds, limit: None };
        let mut responses = client.send(&request).await.expect("sent");
        let mut found = vec![];
        while let Ok(Some(Response::Record { record })) = responses.next().await {
            found.push(record.body);
        }
        if found.len() >= count {
            return found;
        }
        assert!(Instant::now() < deadline, "{} of {count} {kind}", found.len());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn job(name: &str) -> Request {
    let spec = ExternalSpec { program: "nobody-has-it".into(), params: "{}".into(), inputs: vec![] };
    Request::SubmitJob { job: JobId::new(name), spec: Box::new(JobSpec::External(spec)), priority: 0 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_gives_its_role_to_people_elsewhere_until_it_is_revoked() {
    let folder = tempfile::tempdir().expect("a folder");
    let machines = pair(folder.path()).await;
    let ca = machines[0].data.join("identity/ca.crt");
    let make = |role: &str, name: &str| {
        let file = folder.path().join(format!("{name}.token"));
        let out = file.to_str().expect("text").to_owned();
        good(&verb(&machines[0], &["token", "create", "--role", role, "--name", name, "--ttl", "1h", "--out", &out]));
        assert_eq!(std::fs::metadata(&file).expect("written").permissions().mode() & 0o777, 0o600);
        holder(&machines[1], &file, &ca)
    };
    let (viewer, operator) = (make("viewer", "vera"), make("operator", "grace"));
    until(&viewer, &Request::Status, Result::is_ok).await;
    let refused = ask(&viewer, &job("by-vera")).await.expect_err("viewers only look");
    assert!(refused.contains("vera (api-token/") && refused.contains("needs operator"), "{refused}");
    ask(&viewer, &Request::List { noun: Noun::Tokens }).await.expect_err("tokens are for operators to see");

    // When the first answer is lost, the second is that the job exists.
    let there = |answer: &Result<_, String>| answer.as_ref().err().is_none_or(|words| words.contains("exists"));
    until(&operator, &job("by-grace"), there).await;
    let submitted = bodies(&machines[1], Kind::JobSubmitted, 1).await;
    let actor = submitted[0]["actor"].as_str().expect("an actor");
    let id = actor.strip_prefix("grace (").and_then(|rest| rest.strip_suffix(')')).expect("the token's name");
    // The log holds no secret, and neither does the list.
    let key = std::fs::read_to_string(folder.path().join("grace.token")).expect("the token");
    let listed = good(&verb(&machines[0], &["token", "list", "-o", "json"]));
    assert!(listed.contains(id) && listed.contains("vera") && !listed.contains(key.trim()), "{listed}");

    let follower = Client::connect(&operator).await.expect("connected");
    let request = Request::Events { from: Seq(1), follow: true, kinds: vec![], limit: None };
    let mut records = follower.send(&request).await.expect("sent");
    records.next().await.expect("a record").expect("a record");
    good(&verb(&machines[0], &["token", "revoke", id]));
    // What was open is closed, on the other node too; new connections are refused.
    let end = tokio::time::timeout(PATIENCE, async { while let Ok(Some(_)) = records.next().await {} }).await;
    end.expect("the stream ends");
    until(&operator, &Request::Status, |answer| answer.as_ref().is_err_and(|words| words.contains("was revoked")))
        .await;
    ask(&viewer, &Request::Status).await.expect("others are not concerned");
    assert_eq!(bodies(&machines[1], Kind::ApiTokenRevoked, 1).await[0]["actor"], "operator");

    let other_ca = folder.path().join("other");
    Authority::create().expect("a CA").save(&other_ca).expect("writable");
    let pinned = Credentials::of_token_file(&folder.path().join("vera.token"), Some(other_ca.join("identity/ca.crt")));
    let target = Target { identity: pinned.expect("a token"), ..viewer };
    let words = ask(&target, &Request::Status).await.expect_err("another CA is pinned");
    assert!(words.contains("the token is of"), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_renewed_by_hand_and_in_time_and_the_ca_lives_on_in_copies() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut machines = pair(folder.path()).await;
    let shown =
        |machine: &Machine| Identity::load(&machine.data, Role::Node).expect("an identity").certificate().clone();
    let first = shown(&machines[1]);
    // The second machine does not hold the CA: it asks the first.
    good(&verb(&machines[1], &["rotate"]));
    let second = shown(&machines[1]);
    assert_ne!(first.der(), second.der());
    assert_eq!(first.node(), second.node(), "the key stays, and so the id");
    let renewed = bodies(&machines[0], Kind::CertificateRenewed, 1).await;
    assert_eq!(renewed[0]["host"], first.node().to_string());
    assert_eq!(renewed[0]["fingerprint"], kifu::event::Hash::of(second.der()).to_string());
    assert_eq!(renewed[0]["not_after"], serde_json::to_value(second.expires_at()).expect("plain data"));
    machines[0].wait_for("both", |status| status.hosts_online == 2).await;

    let copy = folder.path().join("ca.pem");
    let secret = folder.path().join("passphrase");
    std::fs::write(&secret, "a good long passphrase\n").expect("written");
    let (copy, secret) = (copy.to_str().expect("text"), secret.to_str().expect("text"));
    assert_eq!(
        verb(&machines[1], &["ca", "export", "--out", copy, "--passphrase-file", secret]).status.code(),
        Some(5)
    );
    good(&verb(&machines[0], &["ca", "export", "--out", copy, "--passphrase-file", secret]));
    assert!(!std::fs::read_to_string(copy).expect("a copy").contains("BEGIN PRIVATE KEY"));
    assert_eq!(verb(&machines[1], &["token", "create"]).status.code(), Some(5), "it has no CA yet");
    good(&verb(&machines[1], &["ca", "import", "--in", copy, "--passphrase-file", secret]));
    good(&verb(&machines[1], &["token", "create"]));

    // A certificate with a day left is renewed as soon as the node runs.
    machines[1].stop();
    let authority = Authority::load(&machines[0].data).expect("the CA");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let day = Validity::starting(Millis(u64::try_from(now).expect("soon")), Duration::from_secs(24 * 3_600));
    let old = Identity::load(&machines[1].data, Role::Node).expect("an identity");
    let short = authority.issue(&old.public_key(), "n2", Role::Node, day).expect("issued");
    let key = kifu::net::SecretKey::from_pkcs8(old.key().to_pkcs8()).expect("own bytes");
    let short = Identity::new(old.ca().clone(), short, key).expect("fits");
    short.save(&machines[1].data).expect("writable");
    machines[1].start();
    let renewed = bodies(&machines[0], Kind::CertificateRenewed, 2).await;
    assert_eq!(renewed[1]["actor"], "n2", "it asked for itself");
    let deadline = Instant::now() + PATIENCE;
    while shown(&machines[1]).expires_at() <= short.certificate().expires_at() {
        assert!(Instant::now() < deadline, "the new certificate is never saved");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    machines[1].wait_for("both", |status| status.hosts_online == 2).await;
}
