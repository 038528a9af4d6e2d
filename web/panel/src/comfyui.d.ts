declare module '*scripts/app.js' {
  /** What the panel uses of ComfyUI's app. */
  export const app: {
    registerExtension(extension: Record<string, unknown>): void
    loadApiJson(prompt: unknown, name: string): Promise<void>
    extensionManager: {
      registerSidebarTab(tab: Record<string, unknown>): void
      toast: { add(message: { severity: string; summary: string; detail?: string; life?: number }): void }
      setting: { get(id: string): unknown; set(id: string, value: unknown): Promise<void> }
      command: { execute(id: string): Promise<void> }
    }
  }
}
