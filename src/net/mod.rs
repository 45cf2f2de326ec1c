//! Floor 2: QUIC, identities, framing.
