//! The bollard crate: version, a container, attach, exec with input, logs that are followed, an archive.

use bollard::Docker;
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, DownloadFromContainerOptionsBuilder,
    LogsOptionsBuilder, RemoveContainerOptionsBuilder, StartContainerOptions, WaitContainerOptions,
};
use futures_util::TryStreamExt;
use tokio::io::AsyncWriteExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let docker = Docker::connect_with_defaults()?;
    println!("{}", docker.version().await?.version.unwrap_or_default());
    let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
    let body = ContainerCreateBody {
        image: Some("busybox".into()),
        cmd: words(&["sh", "-c", "echo started; read line; echo read $line"]),
        open_stdin: Some(true),
        ..Default::default()
    };
    let named = CreateContainerOptionsBuilder::new().name("bollard").build();
    docker.create_container(Some(named), body).await?;
    docker.start_container("bollard", None::<StartContainerOptions>).await?;

    let exec = CreateExecOptions {
        cmd: words(&["sh", "-c", "read line; echo exec $line"]),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        ..Default::default()
    };
    let exec = docker.create_exec("bollard", exec).await?;
    if let StartExecResults::Attached { output, mut input } = docker.start_exec(&exec.id, None).await? {
        input.write_all(b"hi\n").await?;
        print!("{}", output.map_ok(|log| log.to_string()).try_collect::<String>().await?);
    }

    let followed = LogsOptionsBuilder::new().follow(true).stdout(true).build();
    let logs = docker.logs("bollard", Some(followed)).map_ok(|log| log.to_string());
    let attach = AttachContainerOptionsBuilder::new().stream(true).stdin(true).build();
    docker.attach_container("bollard", Some(attach)).await?.input.write_all(b"hi\n").await?;
    print!("{}", logs.try_collect::<String>().await?);
    let ended: Vec<_> = docker.wait_container("bollard", None::<WaitContainerOptions>).try_collect().await?;
    println!("{}", ended[0].status_code);

    let path = DownloadFromContainerOptionsBuilder::new().path("/bin/busybox").build();
    let archive = docker.download_from_container("bollard", Some(path));
    let bytes: usize =
        archive.map_ok(|block| block.len()).try_fold(0, async |sum, bytes| Ok(sum + bytes)).await?;
    println!("{}", bytes > 1_000_000);
    let force = RemoveContainerOptionsBuilder::new().force(true).build();
    docker.remove_container("bollard", Some(force)).await?;
    Ok(())
}
