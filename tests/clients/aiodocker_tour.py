"""aiodocker: run, exec over its websocket-like stream, attach, logs that are followed, events, archives."""

import asyncio
import io
import tarfile

import aiodocker


async def main():
    docker = aiodocker.Docker()
    print((await docker.version())["Version"])
    events = docker.events.subscribe()
    command = ["sh", "-c", "echo started; read line; echo read $line"]
    container = await docker.containers.create_or_replace(
        "aiodocker", {"Image": "busybox", "Cmd": command, "OpenStdin": True, "StdinOnce": True, "AttachStdin": True})
    async with container.attach(stdin=True, stdout=True, stderr=True) as stream:
        await container.start()
        print((await stream.read_out()).data)
        execution = await container.exec(["sh", "-c", "read line; echo exec $line"], stdin=True)
        async with execution.start() as inside:
            await inside.write_in(b"hi\n")
            print((await inside.read_out()).data)
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("empty"))
        await container.put_archive("/tmp", packed.getvalue())
        print((await container.get_archive("/tmp/empty")).getnames())
        await stream.write_in(b"hi\n")
        print((await stream.read_out()).data)
    print((await container.wait())["StatusCode"])
    print([line async for line in container.log(stdout=True, follow=True)])
    while (event := await events.get())["Action"] != "die":
        pass
    print(event["Actor"]["Attributes"]["name"])
    await container.delete(force=True)
    await docker.close()


asyncio.run(main())
