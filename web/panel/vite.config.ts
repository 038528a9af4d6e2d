/** How the panel becomes web/dist: three entries, one style sheet, and chunks that ComfyUI does not load by itself. */

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

import vue from '@vitejs/plugin-vue'
import { defineConfig, type Plugin } from 'vite'
import { configDefaults } from 'vitest/config'

const root = import.meta.dirname
const dist = resolve(root, '../dist')

/** The sample character's photos with their captions in one file, which the panel uploads when somebody tries it. */
function sampleCharacter(): Plugin {
  const folder = resolve(root, '../../trainer/mini/character')
  return {
    name: 'sample-character',
    apply: 'build',
    writeBundle() {
      const photos = readdirSync(folder)
        .filter((name) => name.endsWith('.jpg'))
        .sort()
        .map((name) => ({
          name,
          caption: readFileSync(join(folder, name.replace(/\.jpg$/, '.txt')), 'utf8').trim(),
          data: readFileSync(join(folder, name)).toString('base64'),
        }))
      mkdirSync(dist, { recursive: true })
      writeFileSync(join(dist, 'sample.json'), JSON.stringify({ name: 'Ada', class_word: 'woman', photos }))
    },
  }
}

export default defineConfig({
  root,
  base: './',
  plugins: [vue(), sampleCharacter()],
  define: { 'process.env.NODE_ENV': '"production"', __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false' },
  build: {
    outDir: dist,
    emptyOutDir: true,
    target: 'es2022',
    cssCodeSplit: false,
    modulePreload: false,
    sourcemap: false,
    minify: true,
    // Built as a library: nothing is put around dynamic imports, so extension.js stands alone and loads nothing early.
    lib: { entry: { extension: 'src/extension.ts', panel: 'src/panel.ts', page: 'src/page.ts' }, formats: ['es'], cssFileName: 'panel' },
    rollupOptions: {
      external: [/scripts\/app\.js$/],
      output: {
        // ComfyUI imports every .js it finds in web/dist, so there is one; all else ends in .mjs.
        entryFileNames: (chunk) => (chunk.name === 'extension' ? 'extension.js' : `${chunk.name}.mjs`),
        chunkFileNames: 'chunks/[name]-[hash].mjs',
        assetFileNames: (asset) => (asset.names.some((name) => name.endsWith('.css')) ? 'panel.css' : '[name][extname]'),
        paths: (id) => (id.endsWith('scripts/app.js') ? '../../scripts/app.js' : id),
      },
    },
  },
  test: { environment: 'happy-dom', exclude: [...configDefaults.exclude], include: ['src/**/*.test.ts'] },
} as Parameters<typeof defineConfig>[0])
