// ends: fail JobError
// why: the same while the module is evaluated, where deno_core does not read the error.
throw { get message() { while (true); }, get name() { while (true); }, get stack() { while (true); } };
