// Two clients that many programs use, against a real server: `node client.mjs http://host:port/graphql`.
// Prints what it did, a line each; ends with an error at the first answer that is not what it should be.

import assert from 'node:assert/strict'
import { GraphQLClient, gql } from 'graphql-request'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'

const url = process.argv[2]
const http = new GraphQLClient(url)
const socket = createClient({
  url: url.replace(/^http/, 'ws'),
  webSocketImpl: WebSocket,
  retryAttempts: 0,
  lazy: false,
})

const SET = gql`
  mutation Set($path: Path!, $value: Value!, $info: InfoInput) {
    set(path: $path, value: $value, info: $info) { hash key info { author message } }
  }`

async function step(name, body) {
  await body()
  console.log(`ok ${name}`)
}

async function refused(promise, code) {
  const error = await promise.then(
    () => assert.fail('it should have been refused'),
    (error) => error,
  )
  assert.equal(error.response?.errors?.[0]?.extensions?.code, code)
  return error.response
}

await step('mutation with variables', async () => {
  const info = { author: 'Ada <ada@example.org>', message: 'say hello', parents: [] }
  const { set } = await http.request(SET, { path: 'greeting', value: 'hello', info })
  assert.match(set.hash, /^[0-9a-f]{64}$/)
  assert.equal(set.key, set.hash)
  assert.deepEqual(set.info, { author: 'Ada <ada@example.org>', message: 'say hello' })
})

await step('query', async () => {
  const { main } = await http.request(gql`{
    main { name head { info { message } } tree { get(path: "greeting") list { __typename ... on Contents { path value } } } }
  }`)
  assert.equal(main.head.info.message, 'say hello')
  assert.equal(main.tree.get, 'hello')
  assert.deepEqual(main.tree.list, [{ __typename: 'Contents', path: '/greeting', value: 'hello' }])
})

await step('value that is not UTF-8', async () => {
  const value = { base64: '/w==' }
  await http.request(SET, { path: '/raw', value })
  const { main } = await http.request('{ main { tree { get(path: "raw") } } }')
  assert.deepEqual(main.tree.get, value)
})

await step('conflict', async () => {
  const test = gql`mutation { test_and_set(path: "greeting", test: "adieu", set: "hi") { hash } }`
  const response = await refused(http.request(test), 'conflict')
  assert.match(response.errors[0].extensions.found, /^[0-9a-f]{64}$/)
})

await step('introspection', async () => {
  const { getIntrospectionQuery, buildClientSchema } = await import('graphql')
  const schema = buildClientSchema(await http.request(getIntrospectionQuery()))
  assert.ok(schema.getMutationType().getFields().merge_with_branch)
})

await step('subscription', async () => {
  const query = 'subscription { watch(path: "watched") { commit { hash tree { get(path: "watched/it") } } } }'
  const events = socket.iterate({ query })
  const first = events.next()
  // The watch begins at some moment: the value is set until it was seen.
  let seen = null
  first.then((event) => (seen = event))
  let count = 0
  while (seen === null) {
    count += 1
    await http.request(SET, { path: 'watched/it', value: `${count}` })
    await http.request(SET, { path: 'elsewhere', value: `${count}` })
  }
  const value = Number(seen.value.data.watch.commit.tree.get)
  assert.ok(value >= 1 && value <= count)
  for (let next = value + 1; next <= count; next += 1) {
    const event = await events.next()
    assert.equal(event.value.data.watch.commit.tree.get, `${next}`)
  }
  await events.return()
})

await step('query and mutation over the socket', async () => {
  const { value } = await socket.iterate({ query: 'mutation { remove(path: "watched") { hash } }' }).next()
  assert.match(value.data.remove.hash, /^[0-9a-f]{64}$/)
  const again = await socket.iterate({ query: '{ main { tree { get(path: "watched/it") } } }' }).next()
  assert.equal(again.value.data.main.tree.get, null)
})

await socket.dispose()
console.log('done')
