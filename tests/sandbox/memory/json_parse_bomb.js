// limit: memory=48
// ends: kill oom
// why: 9 MB of text that become ten times as many bytes of objects, inside JSON.parse (isolated-vm heap-limit-json-abuse).
fn(() => JSON.parse(`[${"{},".repeat(3_000_000)}0]`));
