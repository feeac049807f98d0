import { ToCome } from "../../parts/to_come.tsx";

export default function Page() {
  return <ToCome page="promptOptimizer" />;
}
