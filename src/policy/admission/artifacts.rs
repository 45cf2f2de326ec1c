//! What hosts say of the copies they hold.

use super::Refusal;
use super::text::clip;
use crate::event::NodeId;
use crate::event::artifacts::{ArtifactLost, ArtifactStored, ArtifactVerified};
use crate::event::command::{LoseArtifact, VerifyArtifact};
use crate::policy::view::Decision;
use crate::projection::State;

/// `ARTIFACT_STORED` for a blob that nobody knew, `ARTIFACT_VERIFIED` for a further copy, nothing for one that is known.
pub(super) fn verify(state: &State, origin: NodeId, command: &VerifyArtifact) -> Result<Vec<Decision>, Refusal> {
    let (blob, host) = (&command.blob, command.host);
    if origin != host {
        return Err(Refusal::NotYours { origin, host });
    }
    let Some(known) = state.artifacts.get(&blob.hash) else {
        let event = ArtifactStored { artifact: blob.hash, kind: blob.kind, bytes: blob.bytes, host };
        return Ok(vec![Decision::new(event, [])]);
    };
    if (known.bytes, known.kind) != (blob.bytes, blob.kind) {
        return Err(Refusal::BadArtifact { artifact: blob.hash });
    }
    if known.is_on(host) {
        return Ok(vec![]);
    }
    let assigned = known.assigned.iter().find(|assigned| assigned.host == host).map(|assigned| assigned.seq);
    let event = ArtifactVerified { artifact: blob.hash, host };
    Ok(vec![Decision::new(event, [assigned.unwrap_or(known.stored_seq)])])
}

/// `ARTIFACT_LOST` for a copy that was there. Nothing for one that was not.
pub(super) fn lose(state: &State, origin: NodeId, command: &LoseArtifact) -> Result<Vec<Decision>, Refusal> {
    let LoseArtifact { artifact, host, reason } = command;
    if origin != *host {
        return Err(Refusal::NotYours { origin, host: *host });
    }
    let known = state.artifacts.get(artifact).ok_or(Refusal::UnknownArtifact { artifact: *artifact })?;
    if !known.is_on(*host) {
        return Ok(vec![]);
    }
    let event = ArtifactLost { artifact: *artifact, host: *host, reason: clip(reason) };
    Ok(vec![Decision::new(event, [known.changed_seq])])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Command;
    use crate::event::artifacts::ArtifactKind;
    use crate::event::command::BlobRef;
    use crate::event::samples::hash;
    use crate::policy::testing::{Given, joined};

    fn verified(host: u64, bytes: u64) -> Command {
        let blob = BlobRef { hash: hash("blob"), bytes, kind: ArtifactKind::Games };
        Command::VerifyArtifact(VerifyArtifact { blob, host: NodeId(host) })
    }

    fn lost(host: u64, blob: &str) -> Command {
        Command::LoseArtifact(LoseArtifact { artifact: hash(blob), host: NodeId(host), reason: "gone".into() })
    }

    #[test]
    fn the_first_copy_is_stored_the_second_verified_and_repeats_are_no_news() {
        let given = Given::events([joined(1), joined(2)]);
        let given = given.when(1, verified(1, 5)).then_kinds(&["ARTIFACT_STORED"]).applied();
        given.clone().when(1, verified(1, 5)).then(&[]);
        given.clone().when(2, verified(2, 6)).refused("bad_artifact");
        given.clone().when(1, verified(2, 5)).refused("not_yours");
        let given = given.when(2, verified(2, 5)).then_kinds(&["ARTIFACT_VERIFIED"]).caused_by(0, &[3]).applied();
        let given = given.when(2, lost(2, "blob")).then_kinds(&["ARTIFACT_LOST"]).applied();
        given.clone().when(2, lost(2, "blob")).then(&[]);
        given.when(2, lost(2, "other")).refused("unknown_artifact");
    }
}
