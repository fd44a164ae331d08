// Not OpenFn's compiler: a stand-in for registries that lack it. The jobs that are measured are in compiled form, so there
// is nothing to do; the time that the real one takes is not in any figure.
export default (code) => ({ code, map: undefined });
export const preloadAdaptorExports = async () => [];
