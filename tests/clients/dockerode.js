// dockerode: exec and attach in both forms, logs that are followed, archives, a build.
const Docker = require('dockerode');
const { PassThrough, Readable } = require('stream');
const { execFileSync } = require('child_process');

const docker = new Docker();
const text = async (stream) => {
  const blocks = [];
  for await (const block of stream) blocks.push(block);
  return Buffer.concat(blocks).toString();
};
const demuxed = async (stream) => {
  const out = new PassThrough();
  docker.modem.demuxStream(stream, out, out);
  stream.on('end', () => out.end());
  return text(out);
};
const done = (stream) => new Promise((resolve, reject) =>
  docker.modem.followProgress(stream, (error, output) => (error ? reject(error) : resolve(output))));

(async () => {
  console.log((await docker.ping()).toString());
  const container = await docker.createContainer({
    Image: 'busybox', name: 'dockerode', OpenStdin: true,
    Cmd: ['sh', '-c', 'echo started; while read line; do echo "read $line"; done'],
  });
  await container.start();
  for (const hijack of [true, false]) {
    const exec = await container.exec({ Cmd: ['sh', '-c', 'read line; echo $line'], AttachStdin: true, AttachStdout: true });
    const stream = await exec.start({ hijack, stdin: true });
    stream.write(`exec ${hijack}\n`);
    process.stdout.write(await demuxed(stream));
    console.log((await exec.inspect()).ExitCode);
  }
  const logs = await container.logs({ follow: true, stdout: true, stderr: true });
  const followed = demuxed(logs);
  const attached = await container.attach({ stream: true, stdin: true, stdout: true, hijack: true });
  attached.end('attached\n');
  const archive = execFileSync('tar', ['-cf', '-', '-C', process.env.WORK, '.']);
  await container.putArchive(archive, { path: '/tmp' });
  console.log((await text(await container.getArchive({ path: '/tmp' }))).length > 0);
  await container.stop({ t: 1 });
  process.stdout.write(await followed);
  await container.remove();
  const tar = execFileSync('sh', ['-c', 'cd "$WORK" && printf "FROM busybox\\nLABEL a=b\\n" >Dockerfile && tar -cf - Dockerfile']);
  await done(await docker.buildImage(Readable.from([tar]), { t: 'built' }));
  console.log((await docker.getImage('built').inspect()).Config.Labels.a);
  console.log((await docker.listContainers({ all: true })).length);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
