export default [fn((s: any) => s)] satisfies unknown[];
