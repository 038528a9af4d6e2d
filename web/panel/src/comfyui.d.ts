declare module '*scripts/app.js' {
  /** What the panel uses of ComfyUI's app. */
  export const app: {
    registerExtension(extension: Record<string, unknown>): void
    extensionManager: {
      registerSidebarTab(tab: Record<string, unknown>): void
      toast: { add(message: { severity: string; summary: string; detail?: string; life?: number }): void }
      setting: { get(id: string): unknown }
      command: { execute(id: string): Promise<void> }
    }
  }
}
