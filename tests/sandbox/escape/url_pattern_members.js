// ends: success
// output: {"evil":false,"good":true,"inherited":false}
// why: what bounds a URLPattern must leave it what it says: members may be inherited, or getters of a URL.
fn(() => {
  const pattern = new URLPattern(new URL("https://a.example/x"));
  const inherited = new URLPattern(Object.create({ hostname: "b.example" }));
  return {
    evil: pattern.test("https://evil.test/zzz"),
    good: pattern.test("https://a.example/x"),
    inherited: inherited.test("https://evil.test/"),
  };
});
