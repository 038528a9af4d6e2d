/** How the panel becomes web/dist: three entries, one style sheet, and chunks that ComfyUI does not load by itself. */

import { resolve } from 'node:path'

import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'
import { configDefaults } from 'vitest/config'

const root = import.meta.dirname
const dist = resolve(root, '../dist')

export default defineConfig({
  root,
  base: './',
  plugins: [vue()],
  define: { 'process.env.NODE_ENV': '"production"', __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false' },
  build: {
    outDir: dist,
    emptyOutDir: true,
    target: 'es2022',
    cssCodeSplit: false,
    modulePreload: false,
    sourcemap: false,
    minify: true,
    license: { fileName: 'licenses.md' }, // of what is bundled: it must travel with the pack
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
