"""asyncio: tasks, subprocesses, pipes, time-outs."""
import asyncio
import signal


async def child(script):
    process = await asyncio.create_subprocess_exec("bash", "-c", script, stdout=asyncio.subprocess.PIPE)
    output = await process.communicate()
    return output[0], process.returncode


async def main():
    print(await asyncio.gather(*(asyncio.sleep(0.01 * (5 - n), n) for n in range(5))))
    print(await asyncio.gather(*(child(f"echo {n}; exit {n}") for n in range(4))))
    process = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    process.stdin.write(b"line\n")
    print(await process.stdout.readline())
    process.stdin.close()
    print(await process.wait())
    try:
        await asyncio.wait_for(asyncio.sleep(10), 0.02)
    except TimeoutError:
        print("timeout")
    sleeper = await asyncio.create_subprocess_exec("sleep", "100")
    sleeper.terminate()
    print(await sleeper.wait() == -signal.SIGTERM)
    queue = asyncio.Queue(2)

    async def produce():
        for n in range(5):
            await queue.put(n)

    task = asyncio.create_task(produce())
    print([await queue.get() for _ in range(5)])
    await task


asyncio.run(main())
