// What the tests of ../test_kafkajs.py ask of kafkajs: one JSON command a line on standard input, one JSON answer a
// line on standard output. Buffers travel as {"base64": "..."}; an error as {"error": {name, type, code, message}}.
'use strict'

const readline = require('readline')
const { Kafka, CompressionTypes, CompressionCodecs, Partitioners, logLevel } = require('kafkajs')
const snappy = require('kafkajs-snappy')
const zstd = require('zstd-codec')

const withZstd = (use) => new Promise((resolve, reject) =>
  zstd.ZstdCodec.run((codec) => {
    const result = use(new codec.Simple())
    result ? resolve(Buffer.from(result)) : reject(new Error('zstd failed'))
  }))

CompressionCodecs[CompressionTypes.Snappy] = snappy
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: (encoder) => withZstd((simple) => simple.compress(encoder.buffer)),
  decompress: (buffer) => withZstd((simple) => simple.decompress(buffer)),
})

const kafka = new Kafka({ clientId: 'compat', brokers: [process.argv[2]], logLevel: logLevel.NOTHING, retry: { retries: 4 },
  ...JSON.parse(process.env.KAFKA_OPTIONS || '{}') })
const admin = kafka.admin()
const producers = {}
const consumers = {}

// kafkajs's own names for what its methods take; buffers are wrapped and unwrapped on the way.
const out = (value) => JSON.stringify(value, (key, each) =>
  each && each.type === 'Buffer' && Array.isArray(each.data) ? { base64: Buffer.from(each.data).toString('base64') } : each)
const wrapped = (key, each) => each && typeof each.base64 === 'string' ? Buffer.from(each.base64, 'base64') : each

const commands = {
  admin: ({ method, options }) => admin[method](options),

  async produce ({ producer = {}, topic, messages, codec = 'None', acks = -1 }) {
    const name = JSON.stringify(producer)
    if (!producers[name]) {
      producers[name] = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, ...producer })
      await producers[name].connect()
    }
    return producers[name].send({ topic, messages, acks, compression: CompressionTypes[codec] })
  },

  // A consumer runs and gathers; `consumed` tells what it has so far, and the partitions assigned to it.
  async consume ({ id, options, topics, run = {}, fromBeginning = true }) {
    const consumer = kafka.consumer({ heartbeatInterval: 300, maxWaitTimeInMs: 200, ...options })
    const state = consumers[id] = { consumer, messages: [], assignment: {}, crash: null }
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => { state.assignment = payload.memberAssignment })
    consumer.on(consumer.events.CRASH, ({ payload }) => { state.crash = String(payload.error) })
    await consumer.connect()
    await consumer.subscribe({ topics, fromBeginning })
    await consumer.run({
      ...run,
      eachMessage: async ({ topic, partition, message }) => { state.messages.push({ topic, partition, ...message }) },
    })
  },
  async consumed ({ id }) {
    const { messages, assignment, crash } = consumers[id]
    return { messages, assignment, crash }
  },
  forget: async ({ id }) => { consumers[id].messages = [] },
  seek: async ({ id, topic, partition, offset }) => consumers[id].consumer.seek({ topic, partition, offset }),
  pause: async ({ id, topics }) => consumers[id].consumer.pause(topics),
  resume: async ({ id, topics }) => consumers[id].consumer.resume(topics),
  commit: ({ id, offsets }) => consumers[id].consumer.commitOffsets(offsets),
  async stop ({ id }) {
    await consumers[id].consumer.disconnect()
    delete consumers[id]
  },
}

const failure = (error) => {
  const { name, type, code, message, errors } = error
  return { name, type, code, message, errors: errors && errors.map(failure) }
}

async function main () {
  await admin.connect()
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { command, ...options } = JSON.parse(line, wrapped)
    try {
      console.log(out({ answer: await commands[command](options) }))
    } catch (error) {
      console.log(out({ error: failure(error) }))
    }
  }
  for (const { consumer } of Object.values(consumers)) await consumer.disconnect()
  for (const producer of Object.values(producers)) await producer.disconnect()
  await admin.disconnect()
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1) })
