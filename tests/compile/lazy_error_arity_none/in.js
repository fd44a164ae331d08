get(() => $.data);
