// An exec with input by dockerode: dockerode.js FORM CONTAINER. The form `hijack` asks for an upgrade; the `default`
// expects a 200 and raw bytes behind the body, without one.
const Docker = require('dockerode');

async function main(form, name) {
  const container = new Docker().getContainer(name);
  const exec = await container.exec({
    Cmd: ['sh', '-c', 'read line; echo $line'], AttachStdin: true, AttachStdout: true, AttachStderr: true,
  });
  const stream = await exec.start({ hijack: form === 'hijack', stdin: true });
  container.modem.demuxStream(stream, process.stdout, process.stderr);
  stream.write('hi\n');
  await new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject));
  const { ExitCode } = await exec.inspect();
  if (ExitCode !== 0) throw new Error(`exit code ${ExitCode}`);
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
