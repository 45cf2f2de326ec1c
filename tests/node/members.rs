//! Members as operators see and change them: who votes, who leads, who is out.

use std::time::{Duration, Instant};

use kifu::cli::ExitCode;
use kifu::event::{FORMAT_VERSION, Seq};
use kifu::node::Layout;
use kifu::node::api::{Client, Noun, Request, Response, Target};
use kifu::replica::Consistency;
use serde_json::Value;

use super::running::{Running, cluster, insist, lead, member, members};
use super::support::{Machine, PATIENCE};

fn code(code: ExitCode) -> i32 {
    i32::from(code.number())
}

/// Names of the members with this role.
async fn named(machine: &Machine, role: &str) -> Vec<String> {
    let rows = insist(machine, &["list"]).await.expect("rows");
    let with = rows.iter().filter(|row| row["role"] == role);
    with.map(|row| row["id"].as_str().expect("an id").trim_start_matches("host/").to_owned()).collect()
}

/// The one that receives the log and does not vote.
async fn learner_of(machine: &Machine) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(name) = named(machine, "learner").await.pop() {
            return name;
        }
        assert!(Instant::now() < deadline, "the fourth does not receive the log");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn kinds(rows: &[Value]) -> Vec<&str> {
    rows.iter().filter_map(|row| row["kind"].as_str()).collect()
}

/// Gives members other roles, as soon as it is recorded that those who are to vote receive the log.
async fn exchange_roles(machine: &Machine, words: &[&str]) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match insist(machine, words).await {
            Ok(rows) => return rows,
            Err((_, reason)) => {
                assert!(reason.contains("does not receive the log yet") && Instant::now() < deadline, "{reason}");
            }
        }
    }
}

/// A read of `machine` that misses nothing, and the position that it shows. Around an election nobody may be able to promise that.
async fn read(machine: &Machine, consistency: Consistency) -> Seq {
    let target = Target::of_this_data_dir(&machine.data).expect("it ran");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let asked = async {
            let client = Client::connect(&target).await?.reading(consistency);
            client.ask(&Request::List { noun: Noun::Leader }).await
        };
        match asked.await {
            Ok(Response::Rows { footer, .. }) => {
                assert_eq!(footer.consistency, consistency);
                return footer.seq;
            }
            Err(error) if Instant::now() < deadline => {
                assert_eq!(error.exit_code(), ExitCode::Unavailable, "{error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            other => panic!("rows were expected, not {other:?}"),
        }
    }
}

/// Who leads, as this machine knows.
async fn leader_of(machine: &Machine) -> String {
    machine.wait_for("a leader", |status| status.leader.is_some()).await.leader.expect("a leader")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn operators_exchange_voters_move_leadership_and_remove_members() {
    let folder = tempfile::tempdir().expect("a folder");
    let (machines, mut running) = cluster(folder.path(), 4, FORMAT_VERSION).await;
    let first = &machines[0];
    let leader = leader_of(first).await;
    let learner = learner_of(first).await;
    let voter = named(first, "voter").await.into_iter().rfind(|name| *name != leader).expect("another voter");

    let refused = insist(first, &["promote", &learner]).await.expect_err("four are no odd number");
    assert_eq!(refused.0, code(ExitCode::Conflict), "{}", refused.1);
    assert!(refused.1.contains("--instead-of") && refused.1.contains("configure --voters 5"), "{}", refused.1);
    let unknown = insist(first, &["remove", "n44"]).await.expect_err("nobody");
    assert_eq!(unknown.0, code(ExitCode::NotFound), "{}", unknown.1);
    assert!(unknown.1.contains("did you mean n4"), "{}", unknown.1);

    let exchange = ["promote", learner.as_str(), "--instead-of", voter.as_str()];
    let plan = exchange_roles(first, &[&exchange[..], &["--dry-run"]].concat()).await;
    assert_eq!(kinds(&plan), ["MEMBER_ROLE_CHANGED", "MEMBER_ROLE_CHANGED"]);
    assert_eq!(named(first, "learner").await, std::slice::from_ref(&learner), "a dry run changes nothing");
    exchange_roles(first, &exchange).await;
    member(first, &learner, "its vote", |row| row["role"] == "voter").await;
    let row = member(first, &voter, "losing its vote", |row| row["role"] == "learner").await;
    assert_eq!((&row["reason"], row["actor"].is_string()), (&"operator".into(), true), "{row}");

    lead(first, &learner).await;

    member(first, &voter, "being online", |row| row["online"] == true).await;
    let plan = insist(first, &["remove", &voter, "--dry-run"]).await.expect("a plan");
    assert_eq!(kinds(&plan), ["HOST_OFFLINE", "MEMBER_REMOVED"], "no seat is lost");
    let removed = machines.iter().position(|machine| machine.data.ends_with(&voter)).expect("one of the four");
    insist(&machines[(removed + 1) % 4], &["remove", &voter]).await.expect("the removal");
    let error = running.remove(removed).end().await;
    assert_eq!(error.exit_code(), ExitCode::Conflict, "{error}");
    assert!(error.to_string().contains("was removed"), "{error}");
    let again = Running::start(&machines[removed], FORMAT_VERSION).await.end().await;
    assert!(again.to_string().contains("was removed"), "its certificate admits it no more: {again}");
    let survivor = &machines[(removed + 1) % 4];
    let row = member(survivor, &voter, "being out", |row| row["removed"] == true).await;
    assert!(row["actor"].is_string(), "{row}");
    assert_eq!(named(survivor, "voter").await.len(), 3);
    for node in running {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_linearizable_read_shows_all_that_was_acknowledged_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (machines, running) = cluster(folder.path(), 3, FORMAT_VERSION).await;
    for round in 0..12 {
        let (writer, reader) = (&machines[round % 3], &machines[(round + 1) % 3]);
        if round == 6 {
            let follower = named(writer, "voter").await.into_iter().find(|name| !writer.data.ends_with(name));
            insist(writer, &["transfer", &follower.expect("another voter")]).await.expect("it is asked");
        }
        let stable = format!("{}s", 30 + round);
        let acknowledged = loop {
            // Around the election nobody may take a command; what was not acknowledged does not count.
            let rows = members(writer, &["configure", "--learner-stable", &stable]).await;
            match rows {
                Ok(_) => break last(writer).await,
                Err((exit, words)) => assert_eq!(exit, code(ExitCode::Unavailable), "{words}"),
            }
        };
        let seen = read(reader, Consistency::Linearizable).await;
        assert!(seen >= acknowledged, "round {round}: {seen} shown after {acknowledged} was acknowledged");
        let seen = read(reader, Consistency::Lease).await;
        assert!(seen >= acknowledged, "round {round}, by lease: {seen} after {acknowledged}");
    }
    for node in running {
        node.stop().await;
    }
}

/// Lets a machine listen on another port from its next start on. Returns where.
fn rehouse(machine: &Machine) -> String {
    let layout = Layout::new(&machine.data);
    let mut config = layout.load_config().expect("a configuration");
    config.listen = kifu::node::ports::free_address().expect("a port");
    layout.save_config(&config).expect("written");
    config.listen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_member_that_moved_is_found_votes_and_leads_where_it_is_now() {
    let folder = tempfile::tempdir().expect("a folder");
    let (machines, running) = cluster(folder.path(), 3, FORMAT_VERSION).await;
    let leader = leader_of(&machines[0]).await;
    let led_by = |machine: &Machine| machine.data.ends_with(&leader);
    let (mut leading, mut following) = (None, vec![]);
    for (machine, node) in machines.iter().zip(running) {
        match led_by(machine) {
            true => leading = Some((machine, node)),
            false => following.push((machine, node)),
        }
    }
    let (first, leading) = leading.expect("one leads");
    let (third, idle) = following.pop().expect("a follower");
    let (moved, follower) = following.pop().expect("another");
    let name = moved.data.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();

    follower.stop().await;
    let address = rehouse(moved);
    let follower = Running::start(moved, FORMAT_VERSION).await;
    member(first, &name, "its new address", |row| row["address"] == address.as_str() && row["online"] == true).await;
    // Without the third, nothing is acknowledged unless the one that moved has it, too.
    idle.stop().await;
    insist(first, &["configure", "--learner-stable", "77s"]).await.expect("both of two voters take it");
    let acknowledged = last(first).await;
    assert!(read(moved, Consistency::Linearizable).await >= acknowledged);
    lead(first, &name).await;
    let idle = Running::start(third, FORMAT_VERSION).await;
    let row = member(third, &name, "being found by who was away", |row| row["address"] == address.as_str()).await;
    assert_eq!(row["role"], "voter", "{row}");
    assert!(read(third, Consistency::Linearizable).await >= acknowledged);
    for node in [idle, follower, leading] {
        node.stop().await;
    }
}

/// The last change of the rules that the node itself has recorded; whoever was answered has folded it or forwarded it.
async fn last(machine: &Machine) -> Seq {
    let target = Target::of_this_data_dir(&machine.data).expect("it ran");
    let client = Client::connect(&target).await.expect("it answers");
    let kinds = vec!["MEMBERSHIP_CONFIGURED".to_owned()];
    let mut responses =
        client.send(&Request::Events { from: Seq(1), follow: false, kinds, limit: None }).await.expect("sent");
    let mut last = Seq(0);
    while let Ok(Some(Response::Record { record })) = responses.next().await {
        last = record.seq;
    }
    last
}
