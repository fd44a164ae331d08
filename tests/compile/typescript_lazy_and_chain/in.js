type Id = string;
get($.url as string)
  .then((state: any) => state);
post($.data!.id);
