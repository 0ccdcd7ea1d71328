//! What a new cluster is made of, and how this program comes to be in its namespaces.

use std::env;
use std::path::Path;

use portreeve_cluster::{Assets, ClusterError, Folder, Image, Images, Options, within};
use tokio::process::Command;

use crate::Dir;

/// What a new cluster is made of.
#[derive(clap::Args)]
pub(crate) struct Made {
    #[command(flatten)]
    pub(crate) cluster: Dir,

    /// One more flag for the API server; may be given several times.
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    api_server_flag: Vec<String>,

    /// What runs for images whose name has IMAGE in it, besides those of this repository: their
    /// programs beside this one. {ARGS} stands for a container's args, {COMMAND} for command and
    /// args, {POD_IP}, {POD_NAME}, {POD_NAMESPACE} and {PORT} for what they say.
    #[arg(long, value_name = "IMAGE=PROGRAM ARG...")]
    image: Vec<Image>,
}

impl Made {
    pub(crate) fn options(&self, folder: &Folder) -> Options {
        Options {
            folder: folder.clone(),
            assets: Assets::from_env(),
            api_server: self.api_server_flag.clone(),
            images: self.images(),
        }
    }
}

impl Made {
    fn images(&self) -> Images {
        let program = env::current_exe().ok();
        let beside = program.as_deref().and_then(Path::parent);
        let images = beside.map(Images::built_in).unwrap_or_default();
        images.with(self.image.clone())
    }
}

/// A command that is this one again, in new namespaces.
pub(crate) fn again() -> Result<Command, ClusterError> {
    let unknown = |source| ClusterError::Program {
        program: "portreeve-cluster".into(),
        source,
    };
    let mut command = within();
    command.arg(env::current_exe().map_err(unknown)?);
    command.arg("--inside").args(env::args_os().skip(1));
    Ok(command)
}
