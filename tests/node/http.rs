//! What load balancers and Prometheus see.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::support::Machine;

/// The status line and the body of a GET.
pub fn get(machine: &Machine, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(&machine.http).expect("the port is open");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
}

#[tokio::test]
async fn health_readiness_and_metrics() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut machine = Machine::new(folder.path(), "n1");
    machine.init(&[]);
    machine.start();
    machine.wait_for("being online", |status| status.hosts_online == 1).await;
    assert_eq!(get(&machine, "/healthz"), ("HTTP/1.1 200 OK".to_owned(), "ok\n".to_owned()));
    let (status, body) = get(&machine, "/readyz");
    assert_eq!(status, "HTTP/1.1 200 OK", "{body}");
    let (status, body) = get(&machine, "/metrics");
    assert_eq!(status, "HTTP/1.1 200 OK");
    for line in ["kifu_raft_is_leader 1", "kifu_hosts_online 1", "kifu_events{kind=\"LEADER_ELECTED\"} 1"] {
        assert!(body.lines().any(|found| found == line), "{line} in {body}");
    }
    // Nobody plays here.
    assert!(body.lines().any(|line| line == "kifu_inference_leaves_per_second 0.0"), "{body}");
    assert!(body.contains("kifu_control_loop_lag_microseconds "), "{body}");
}
