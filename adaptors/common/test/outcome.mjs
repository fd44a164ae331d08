// What comes of a case with the given adaptor: `{ expected }` as JSON sees it, or `{ error }`.
export async function outcome({ code, state, value }, adaptor) {
  const names = Object.keys(adaptor).filter((name) => name !== "default");
  const make = new Function(...names, "state", `return (${code});`);
  const given = structuredClone(state);
  try {
    const made = make(...names.map((name) => adaptor[name]), given);
    const result = value ? await made : await adaptor.execute(made)(given);
    return { expected: JSON.parse(JSON.stringify(result) ?? "null") };
  } catch (error) {
    return { error: error.message };
  }
}
