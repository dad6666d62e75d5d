import asyncio

await asyncio.Event().wait()
