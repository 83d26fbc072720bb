// Testcontainers for node that is killed: a container and a network stay for Ryuk to remove.
const { GenericContainer, Network } = require('testcontainers');

(async () => {
  const network = await new Network().start();
  await new GenericContainer('busybox').withCommand(['sleep', '999']).withName('left').withNetwork(network).start();
  process.kill(process.pid, 'SIGKILL');
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
