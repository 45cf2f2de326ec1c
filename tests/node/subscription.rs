//! A subscription over QUIC outlives the node that it began at.

use std::time::Duration;

use kifu::event::{RecordJson, Seq};
use kifu::node::api::{Subscription, Target, Wanted};

use super::cluster::{cluster, submit};
use super::support::PATIENCE;

/// Takes records until one tells of the job.
async fn until_job(subscription: &mut Subscription, number: u32, seen: &mut Vec<RecordJson>) {
    let job = format!("job/count-{number}");
    let read = async {
        loop {
            let record = subscription.next().await.expect("it goes on").expect("it follows");
            let told = serde_json::to_string(&record).expect("plain data").contains(&job);
            seen.push(record);
            if told {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_subscription_goes_on_at_another_node_without_a_gap_or_a_repetition() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut machines = cluster(folder.path()).await;
    let wanted = || Wanted { from: Seq(1), follow: true, ..Wanted::default() };
    let target = Target::of_data_dir(&machines[2].data).expect("it runs");
    assert!(target.addresses.len() >= 3, "it knows the others: {:?}", target.addresses);
    let (mut subscription, mut seen) = (Subscription::remote(target, wanted()), vec![]);
    submit(&machines[0], 1).await;
    until_job(&mut subscription, 1, &mut seen).await;
    machines[2].kill();
    submit(&machines[0], 2).await;
    until_job(&mut subscription, 2, &mut seen).await;
    // A reader that gives up waiting misses nothing either.
    for _ in 0..3 {
        if let Ok(record) = tokio::time::timeout(Duration::from_millis(20), subscription.next()).await {
            seen.extend(record.expect("it goes on"));
        }
    }
    machines[2].start();
    submit(&machines[0], 3).await;
    until_job(&mut subscription, 3, &mut seen).await;
    let seqs: Vec<_> = seen.iter().map(|record| record.seq.0).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    // From where it stands, another one brings what this one would.
    let target = Target::of_data_dir(&machines[0].data).expect("it runs");
    let mut other = Subscription::remote(target, Wanted { limit: Some(seqs.len() as u64), ..wanted() });
    for record in &seen {
        assert_eq!(other.next().await.expect("it goes on").as_ref(), Some(record));
    }
    assert_eq!(other.next().await.expect("its limit"), None);
    assert_eq!(subscription.position(), Seq(seqs.len() as u64 + 1));
}
