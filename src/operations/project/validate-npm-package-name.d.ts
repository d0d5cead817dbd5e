/** The part that is used of a package without type declarations. */
declare module "validate-npm-package-name" {
  export default function validate(name: string): {
    readonly validForNewPackages: boolean;
    readonly errors?: string[];
    readonly warnings?: string[];
  };
}
