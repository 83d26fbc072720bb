// Testcontainers for node that is killed: a container and a network stay for Ryuk to remove.
const { GenericContainer, Network } = require('testcontainers');

(async () => {
  // Its own names have 12 hexadecimal digits alone. GUARD refuses them: a daemon takes them for the start of an ID, too.
  const network = await new Network({ nextUuid: () => 'left-network' }).start();
  await new GenericContainer('busybox').withCommand(['sleep', '999']).withName('left').withNetwork(network).start();
  process.kill(process.pid, 'SIGKILL');
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
