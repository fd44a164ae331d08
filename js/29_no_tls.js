// Stands for the one function that `deno_fetch` wants of `deno_net`, which is not here: a job brings no certificates of its own.
(function () {
  return { loadTlsKeyPair: () => null };
})();
