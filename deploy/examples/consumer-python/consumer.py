"""Follows what happens to executions, and prints a line of JSON for each event.

It shows what a reader of the topics has to do: a group of its own, the schema
that each message names, no second effect for what comes twice, and a commit
after the effect.

    pip install -r requirements.txt
    KAFKA_BROKERS=localhost:9092 SCHEMA_REGISTRY_URL=http://localhost:8081/... python consumer.py my-group
"""

import io
import json
import os
import signal
import struct
import sys
import urllib.request

import fastavro
from confluent_kafka import Consumer, KafkaException

SHOWN = ("id", "type", "execution_id", "user_id", "occurred_at", "outcome")


class Decoder:
    """Reads Avro as the Confluent registry frames it: a zero byte, the ID of the
    schema in four bytes, the value."""

    def __init__(self, registry):
        self.registry, self.schemas = registry.rstrip("/"), {}

    def decode(self, data):
        if len(data) < 5 or data[0] != 0:
            raise ValueError("not framed Avro")
        (number,) = struct.unpack(">I", data[1:5])
        if number not in self.schemas:
            with urllib.request.urlopen(f"{self.registry}/schemas/ids/{number}", timeout=10) as answer:
                self.schemas[number] = fastavro.parse_schema(json.loads(json.load(answer)["schema"]))
        return fastavro.schemaless_reader(io.BytesIO(data[5:]), self.schemas[number])


def follow(consumer, decoder, out, going):
    seen = {}  # events of a while: a message may come twice
    while going():
        message = consumer.poll(0.5)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        event = decoder.decode(message.value())  # what cannot be read, a program that matters puts aside
        if event["id"] not in seen:
            print(json.dumps({name: event[name] for name in SHOWN}, default=str), file=out, flush=True)
        if len(seen) > 10_000:
            seen.clear()
        seen[event["id"]] = True
        consumer.commit(message, asynchronous=False)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: consumer.py GROUP")
    stopped = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.append(True))
    consumer = Consumer({
        "bootstrap.servers": os.environ.get("KAFKA_BROKERS", "localhost:9092"),
        "group.id": sys.argv[1],
        "auto.offset.reset": "earliest",  # of a group that is new
        "enable.auto.commit": False,
    })
    consumer.subscribe([os.environ.get("TOPIC", "execution_events")])
    try:
        follow(consumer, Decoder(os.environ["SCHEMA_REGISTRY_URL"]), sys.stdout, lambda: not stopped)
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
