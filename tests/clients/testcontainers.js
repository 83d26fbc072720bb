// Testcontainers for node, without Ryuk: a container with a mapped port, its log, exec, a copied file.
const { GenericContainer, Wait } = require('testcontainers');

(async () => {
  // It says that it is ready a little later than it starts: Testcontainers asks for the log since the start as the engine has
  // it, which can be later than a line that is written at once.
  const container = await new GenericContainer('busybox')
    .withCommand(['sh', '-c', 'mkdir -p /www && cp /copied /www && sleep 0.3 && echo ready && exec httpd -f -p 8080 -h /www'])
    .withCopyContentToContainer([{ content: 'copied\n', target: '/copied' }])
    .withExposedPorts(8080)
    .withWaitStrategy(Wait.forLogMessage('ready'))
    .start();
  const { output, exitCode } = await container.exec(['cat', '/copied']);
  process.stdout.write(`${exitCode} ${output}`);
  console.log(container.getMappedPort(8080) > 0);
  await container.restart();
  await container.stop();
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
