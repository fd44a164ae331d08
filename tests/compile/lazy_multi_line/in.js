post(
  '/x',
  {
    // the id
    id: $.data.id,
  },
);
