// What Homarr asks with dockerode 5: list, usage, logs, and the buttons of its table.
const Docker = require('dockerode');
const { hostname: host, port } = new URL(process.env.DOCKER_HOST);
const docker = new Docker({ host, port });

(async () => {
  const [{ Id }] = await docker.listContainers({ all: true });
  const container = docker.getContainer(Id);
  const state = async () => console.log((await container.inspect()).State.Status);
  console.log((await container.stats({ stream: false, 'one-shot': true })).name);
  console.log((await container.logs({ tail: 1, stdout: true, stderr: true, follow: false })).toString());
  await container.stop();
  await state();
  await container.start();
  await state();
  await container.restart();
  await state();
})();
