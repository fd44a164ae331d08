// The same language with types: they are taken off before the job runs.
interface Patient {
  id: string;
  name: string;
}

const initials = ({ name }: Patient): string => name.split(" ").map((part) => part[0]).join("");

get("/patients").then((state: any) => {
  const data = (state.data.patients as Patient[]).map((patient) => initials(patient));
  return { ...state, data };
});
