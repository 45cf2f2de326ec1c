//! Whom to ask and as whom: flags win over the environment, and every setting knows where it came from.

use std::path::{Path, PathBuf};

use crate::since::Since;
use clap::Args;
use kifu::cli::{ExitCode, Failure};
use kifu::net::{Identity, NetError, Role};
use kifu::node::api::{ClientError, Credentials, Target};
use kifu::replica::Consistency;

/// Options that say which cluster is meant.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Cluster")]
pub struct ConnectArgs {
    /// A node's data directory on this machine [env: KIFU_DATA]
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// A node's address, as host:port; repeat for more to try [env: KIFU_NODE, separated by commas]
    #[arg(long, visible_alias = "connect", global = true, value_name = "ADDRESS")]
    pub node: Vec<String>,

    /// Answer as of then: after a record (4711), a time ago (-10m) or at a moment (RFC 3339); for every read of rows
    #[arg(long, global = true, allow_hyphen_values = true, value_name = "WHEN")]
    pub at: Option<Since>,

    /// The folder with your certificate and key [env: KIFU_IDENTITY; default: the data directory's]
    #[arg(long, global = true, value_name = "DIR")]
    pub identity: Option<PathBuf>,

    /// The file with your API token [env: KIFU_TOKEN_FILE, or the token itself in KIFU_API_TOKEN]
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "identity")]
    pub token_file: Option<PathBuf>,

    /// The cluster's CA certificate, which your API token must be of [env: KIFU_CA]
    #[arg(long, global = true, value_name = "FILE")]
    pub ca: Option<PathBuf>,

    /// What answers may miss: local (whatever the answering node has not heard yet), lease or linearizable (nothing that was
    /// acknowledged before) [env: KIFU_CONSISTENCY]
    #[arg(long, global = true, value_name = "HOW", env = "KIFU_CONSISTENCY", hide_env = true, default_value = "local")]
    pub consistency: ConsistencyArg,
}

/// What answers may miss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ConsistencyArg {
    /// Whatever the answering node has not heard yet.
    #[default]
    Local,
    /// Nothing that was acknowledged before, while clocks run equally fast.
    Lease,
    /// Nothing that was acknowledged before.
    Linearizable,
}

impl From<ConsistencyArg> for Consistency {
    fn from(argument: ConsistencyArg) -> Consistency {
        match argument {
            ConsistencyArg::Local => Consistency::Local,
            ConsistencyArg::Lease => Consistency::Lease,
            ConsistencyArg::Linearizable => Consistency::Linearizable,
        }
    }
}

/// A setting, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// Where it came from, in words.
    pub from: &'static str,
}

/// What the settings come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Whom to ask, and as whom.
    pub target: Target,
    /// How that came about.
    pub settings: Vec<Setting>,
}

impl ConnectArgs {
    /// Refuses `--at` for a verb that is not about rows of one moment.
    pub fn only_now(&self, verb: &str, hint: &str) -> Result<(), Failure> {
        match self.at {
            None => Ok(()),
            Some(_) => Err(Failure::usage(format!("{verb} does not take --at")).hint(hint)),
        }
    }

    /// Decides whom to ask.
    pub fn resolve(&self) -> Result<Resolved, Failure> {
        self.resolve_with(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn resolve_with(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<Resolved, Failure> {
        let (flag_node, env_node) = (self.node.join(","), env("KIFU_NODE"));
        let pick = |flag: Option<String>, name: &str, flag_words, env_words| match (flag, env(name)) {
            (Some(value), _) => Some((value, flag_words)),
            (None, value) => value.map(|value| (value, env_words)),
        };
        let text = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let identity = pick(text(&self.identity), "KIFU_IDENTITY", "--identity", "KIFU_IDENTITY");
        let data = pick(text(&self.data), "KIFU_DATA", "--data", "KIFU_DATA");
        // An address from the environment yields to a data directory from a flag.
        let nodes = match (flag_node.is_empty(), env_node) {
            (false, _) => Some((flag_node, "--node")),
            (true, Some(nodes)) if self.data.is_none() => Some((nodes, "KIFU_NODE")),
            _ => None,
        };
        let mut settings = vec![];
        let mut note = |name, (value, from): (String, &'static str)| {
            settings.push(Setting { name, value: value.clone(), from });
            value
        };
        let token = self.token(env, &mut note)?;
        let data = data.filter(|_| token.is_none()).map(|data| PathBuf::from(note("data", data)));
        let of_data = match (&data, &nodes) {
            (Some(data), None) => Some(Target::of_data_dir(data).map_err(client_failure)?),
            _ => None,
        };
        let addresses: Vec<String> = match (nodes, &of_data) {
            (Some(nodes), _) => note("node", nodes).split(',').map(|address| address.trim().to_owned()).collect(),
            (None, Some(target)) => {
                note("node", (target.addresses.join(","), "the data directory's runtime.json"));
                target.addresses.clone()
            }
            (None, None) => match token.as_ref().map(Credentials::addresses).filter(|known| !known.is_empty()) {
                Some(known) => {
                    note("node", (known.join(","), "the token"));
                    known
                }
                None => return Err(nobody()),
            },
        };
        if let Some(identity) = token {
            return Ok(Resolved { target: Target { addresses, identity }, settings });
        }
        let identity: Credentials = match (identity, data) {
            (Some(identity), _) => root_of(Path::new(&note("identity", identity))).into(),
            (None, Some(data)) => {
                note("identity", (data.display().to_string(), "the data directory"));
                root_of(&data).into()
            }
            (None, None) => return Err(Failure::usage("no identity is given").hint(IDENTITY_HINT)),
        };
        Ok(Resolved { target: Target { addresses, identity }, settings })
    }
}

impl ConnectArgs {
    /// The API token, if one is given: by a flag for its file, or else by the environment unless a flag names an identity.
    fn token(
        &self,
        env: &dyn Fn(&str) -> Option<String>,
        note: &mut dyn FnMut(&'static str, (String, &'static str)) -> String,
    ) -> Result<Option<Credentials>, Failure> {
        let flag = self.token_file.clone().map(|path| (path, "--token-file"));
        let from_env = |name: &str| env(name).filter(|_| self.identity.is_none() && self.data.is_none());
        let file = flag.or_else(|| from_env("KIFU_TOKEN_FILE").map(|path| (path.into(), "KIFU_TOKEN_FILE")));
        let ca = match (&self.ca, env("KIFU_CA")) {
            (Some(path), _) => Some((path.clone(), "--ca")),
            (None, path) => path.map(|path| (path.into(), "KIFU_CA")),
        };
        let token = match (file, from_env("KIFU_API_TOKEN")) {
            (Some((path, from)), _) => {
                note("token", (path.display().to_string(), from));
                Credentials::of_token_file(&path, ca.as_ref().map(|(path, _)| path.clone())).map_err(client_failure)?
            }
            (None, Some(text)) => {
                note("token", ("(not shown)".to_owned(), "KIFU_API_TOKEN"));
                Credentials::Token { text, ca: ca.as_ref().map(|(path, _)| path.clone()) }
            }
            (None, None) => return Ok(None),
        };
        if let Some((path, from)) = ca {
            note("ca", (path.display().to_string(), from));
        }
        Ok(Some(token))
    }
}

const IDENTITY_HINT: &str = "add --token-file FILE, --identity DIR (a folder with operator.crt, operator.key and ca.crt), or --data DIR of a node on this machine";

fn nobody() -> Failure {
    Failure::usage("no cluster is given")
        .hint("add --data DIR of a node on this machine, or --node HOST:PORT with --token-file FILE or --identity DIR; see --help")
}

/// The folder that holds `identity/`: people may name either of the two.
fn root_of(folder: &Path) -> PathBuf {
    let holds =
        |root: &Path| [Role::Operator, Role::Viewer, Role::Node].iter().any(|role| Identity::exists(root, *role));
    match folder.parent() {
        _ if holds(folder) => folder.to_owned(),
        Some(parent) if folder.ends_with("identity") && holds(parent) => parent.to_owned(),
        _ if holds(&folder.join("identity")) => folder.join("identity"),
        _ => folder.to_owned(),
    }
}

/// A failure with the exit code of a client's error.
pub fn client_failure(error: ClientError) -> Failure {
    let failure = Failure::new(error.exit_code(), &error);
    if let ClientError::Net(
        NetError::File { .. }
        | NetError::BadFile { .. }
        | NetError::BadKey(_)
        | NetError::BadCertificate(_)
        | NetError::ApiToken(_),
    ) = error
    {
        return Failure { code: ExitCode::Usage, ..failure }.hint(IDENTITY_HINT);
    }
    match failure.code {
        ExitCode::Unavailable => failure.hint("is the node running? `kifu-query whoami` shows what was tried, and why"),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(args: ConnectArgs, env: &[(&str, &str)]) -> Result<Resolved, Failure> {
        args.resolve_with(&|name| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    fn origins(args: ConnectArgs, env: &[(&str, &str)]) -> Vec<(&'static str, String, &'static str)> {
        let settings = resolve(args, env).expect("enough settings").settings.into_iter();
        settings.map(|setting| (setting.name, setting.value, setting.from)).collect()
    }

    #[test]
    fn flags_win_over_the_environment() {
        let env = [("KIFU_NODE", "b:2, c:3"), ("KIFU_IDENTITY", "/env")];
        let from_env = resolve(ConnectArgs::default(), &env).expect("enough settings").target;
        assert_eq!(from_env.addresses, ["b:2", "c:3"]);
        assert_eq!(from_env.identity, PathBuf::from("/env").into());
        let args = ConnectArgs { node: vec!["a:1".to_owned()], ..ConnectArgs::default() };
        let settings = origins(args, &env);
        assert_eq!(settings, [("node", "a:1".to_owned(), "--node"), ("identity", "/env".to_owned(), "KIFU_IDENTITY")]);
    }

    #[test]
    fn a_data_directory_gives_addresses_and_identity_and_a_flag_for_it_wins_over_an_address_from_the_environment() {
        let dir = tempfile::tempdir().expect("a folder");
        let runtime = r#"{"node":"0000000000000001","name":"n1","address":"127.0.0.1:7001","http":"127.0.0.1:8001","pid":1,
            "peers":[{"node":"0000000000000002","name":"n2","address":"127.0.0.1:7002"}]}"#;
        std::fs::write(dir.path().join("runtime.json"), runtime).expect("a file");
        let args = ConnectArgs { data: Some(dir.path().to_owned()), ..ConnectArgs::default() };
        let target = resolve(args, &[("KIFU_NODE", "x:9")]).expect("enough settings").target;
        assert_eq!(target.addresses, ["127.0.0.1:7001", "127.0.0.1:7002"]);
        assert_eq!(target.identity, dir.path().to_owned().into());
    }

    #[test]
    fn what_is_missing_is_said_with_a_way_out() {
        let nothing = resolve(ConnectArgs::default(), &[]).expect_err("nobody to ask");
        assert_eq!((nothing.code, nothing.message.as_str()), (ExitCode::Usage, "no cluster is given"));
        let args = ConnectArgs { node: vec!["a:1".to_owned()], ..ConnectArgs::default() };
        assert_eq!(resolve(args, &[]).expect_err("no identity").message, "no identity is given");
        let dir = tempfile::tempdir().expect("a folder");
        let args = ConnectArgs { data: Some(dir.path().to_owned()), ..ConnectArgs::default() };
        let stopped = resolve(args, &[]).expect_err("no node ran here");
        assert_eq!(stopped.code, ExitCode::Unavailable);
        assert!(stopped.message.contains("no node runs on"), "{}", stopped.message);
    }

    #[test]
    fn a_token_comes_from_a_flag_for_its_file_or_from_the_environment_and_is_never_shown() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("t");
        std::fs::write(&file, "kifu-api-v1.secret").expect("a file");
        let node = || vec!["a:1".to_owned()];
        let args = ConnectArgs { node: node(), token_file: Some(file.clone()), ..ConnectArgs::default() };
        let env = [("KIFU_API_TOKEN", "kifu-api-v1.other"), ("KIFU_CA", "/ca.crt"), ("KIFU_DATA", "/nowhere")];
        let resolved = resolve(args, &env).expect("enough settings");
        let ca = Some(PathBuf::from("/ca.crt"));
        assert_eq!(resolved.target.identity, Credentials::Token { text: "kifu-api-v1.secret".into(), ca });
        let names: Vec<_> = resolved.settings.iter().map(|setting| (setting.name, setting.from)).collect();
        assert_eq!(names, [("token", "--token-file"), ("ca", "KIFU_CA"), ("node", "--node")]);
        let from_env = ConnectArgs { node: node(), ..ConnectArgs::default() };
        let resolved = resolve(from_env, &env[..1]).expect("enough settings");
        assert_eq!(resolved.target.identity, Credentials::Token { text: "kifu-api-v1.other".into(), ca: None });
        assert!(!format!("{resolved:?}").contains("other"), "{resolved:?}");
        let identity = ConnectArgs { node: node(), identity: Some("/me".into()), ..ConnectArgs::default() };
        let resolved = resolve(identity, &env[..1]).expect("enough settings");
        assert_eq!(resolved.target.identity, PathBuf::from("/me").into(), "a flag wins over the environment");
    }
}
