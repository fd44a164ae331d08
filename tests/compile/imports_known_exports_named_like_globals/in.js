new Map(Error, fetch);
Mapper(MyError, setDate);
