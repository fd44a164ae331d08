export default [() => { const s = '🦀🦀 é'; nowhere(s); }];
