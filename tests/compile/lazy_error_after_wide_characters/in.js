/* 😀ä */ const x = $.a;
