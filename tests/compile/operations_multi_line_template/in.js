fn(`a
  b ${$.c}
 d`);
