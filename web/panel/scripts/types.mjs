/**
 * Makes src/api/schema.d.ts from the server's own OpenAPI document; with --check it only says whether it is up to date.
 *
 * The document comes from the file or address in ISENGARD_OPENAPI, else from the sources beside, through PYTHON or the
 * pack's own environment. Where no Python is to be had, the check is passed over with a line that says so.
 */

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'

import openapiTS, { astToString } from 'openapi-typescript'

const here = import.meta.dirname
const pack = resolve(here, '../../..')
const target = resolve(here, '../src/api/schema.d.ts')
const checking = process.argv.includes('--check')

const PROGRAM = `
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from loader import load_package
load_package(Path(sys.argv[1]))
from isengard.web.openapi import document
sys.stdout.write(json.dumps(document("/isengard")))
`

async function read() {
  const given = process.env.ISENGARD_OPENAPI
  if (given?.startsWith('http')) return (await fetch(given)).json()
  if (given) return JSON.parse(readFileSync(given, 'utf8'))
  const candidates = [process.env.PYTHON, `${pack}/.venv/bin/python`, `${pack}/.venv/Scripts/python.exe`]
  const python = candidates.find((path) => path && existsSync(path))
  if (!python) return null
  const told = execFileSync(python, ['-c', PROGRAM, pack], { maxBuffer: 1 << 26, cwd: here, stdio: ['ignore', 'pipe', 'inherit'] })
  return JSON.parse(told.toString())
}

const document = await read()
if (document === null) {
  console.log('types: no Python found to ask for the API (set PYTHON or ISENGARD_OPENAPI); schema.d.ts is taken as it is')
} else {
  document.paths = {} // bodies and answers are what the panel takes from it; a route is named where it is asked
  const text = `// Made by scripts/types.mjs from the OpenAPI document: don't edit.\n\n${astToString(await openapiTS(document))}`
  const known = existsSync(target) ? readFileSync(target, 'utf8') : ''
  if (!checking) {
    writeFileSync(target, text)
    console.log(`types: wrote ${target}`)
  } else if (known !== text) {
    console.error('types: src/api/schema.d.ts is not what the API says: run `npm run types` and look at the difference')
    process.exit(1)
  } else {
    console.log('types: schema.d.ts is up to date')
  }
}
