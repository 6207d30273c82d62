// kafkajs copies a topic: node transactions.js BOOTSTRAP INPUT OUTPUT GROUP. Every message is sent in a transaction of
// its own with its offset; those whose value begins with "-" are aborted and then sent upper-cased.
const { Kafka, logLevel } = require('kafkajs')

const [bootstrap, input, output, group] = process.argv.slice(2)
const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING })

// Apache Kafka ends a transaction after it has said so, and kafkajs does not wait for that by itself.
async function patiently (send) {
  for (;;) {
    try {
      return await send()
    } catch (error) {
      if (!/CONCURRENT_TRANSACTIONS/.test(error.type || (error.cause && error.cause.type))) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

async function copy () {
  const producer = kafka.producer({ transactionalId: `copier-${group}`, idempotent: true, maxInFlightRequests: 1 })
  const consumer = kafka.consumer({ groupId: group, readUncommitted: false })
  await producer.connect()
  await consumer.connect()
  await consumer.subscribe({ topics: [input], fromBeginning: true })
  let done
  const finished = new Promise((resolve) => { done = resolve })

  const send = async (message, partition, value, commit) => {
    const transaction = await producer.transaction()
    await patiently(() => transaction.send({ topic: output, messages: [{ value }] }))
    const next = (BigInt(message.offset) + 1n).toString()
    await transaction.sendOffsets({ consumerGroupId: group, topics: [{ topic: input, partitions: [{ partition, offset: next }] }] })
    await (commit ? transaction.commit() : transaction.abort())
  }
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      const value = message.value.toString()
      if (value === 'end') return done()
      if (value.startsWith('-')) await send(message, partition, value, false)
      await send(message, partition, value.toUpperCase(), true)
    }
  })
  await finished
  await consumer.disconnect()
  await producer.disconnect()
}

copy().catch((error) => { console.error(error); process.exitCode = 1 })
