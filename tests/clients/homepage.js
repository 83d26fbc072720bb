// What Homepage asks with dockerode 4: state and usage of a container by its name.
const Docker = require('dockerode-4');
const { hostname: host, port } = new URL(process.env.DOCKER_HOST);
const docker = new Docker({ host, port });

(async () => {
  const containers = await docker.listContainers({ all: true });
  console.log(containers.flatMap(({ Names }) => Names));
  console.log((await docker.getContainer('web').inspect()).State.Status);
  console.log((await docker.getContainer('web').stats({ stream: false })).name);
})();
